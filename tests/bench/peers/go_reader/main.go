// Command go_reader subscribes to GetContainerEvents as the kubelet does, in the kubelet's language,
// and tells how late each event came.
//
//	go_reader SOCKET SECONDS
//
// It prints "ready" once the subscription stands, then a line for each event: when it was received
// and what its created_at says, both in ns since the epoch. Messages are taken as bytes; of each
// only created_at is read. The call carries a deadline, and it ends with its standard input, so
// that no subscription is left standing.
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"google.golang.org/grpc"
)

const (
	method    = "/runtime.v1.RuntimeService/GetContainerEvents"
	createdAt = 3 // ContainerEventResponse.created_at, int64 (runtime.proto)
	// A runtime answers nothing when a subscription is in place; it is, well within this time.
	settle   = 200 * time.Millisecond
	mostSize = 16 << 20
)

// raw hands messages on as they are.
type raw struct{}

func (raw) Marshal(v interface{}) ([]byte, error) { return *v.(*[]byte), nil }

func (raw) Unmarshal(data []byte, v interface{}) error {
	*v.(*[]byte) = data
	return nil
}

func (raw) Name() string { return "proto" }

var errMessage = errors.New("not a protobuf message")

// varintField finds a field of varint type in a message; 0 where it is left out, as proto3 has it.
func varintField(data []byte, wanted uint64) (uint64, error) {
	for len(data) > 0 {
		key, n := binary.Uvarint(data)
		if n <= 0 {
			return 0, errMessage
		}
		data = data[n:]
		skip := 0
		switch key & 7 {
		case 0:
			value, n := binary.Uvarint(data)
			if n <= 0 {
				return 0, errMessage
			}
			if key>>3 == wanted {
				return value, nil
			}
			skip = n
		case 1:
			skip = 8
		case 2:
			size, n := binary.Uvarint(data)
			if n <= 0 || size > uint64(len(data)-n) {
				return 0, errMessage
			}
			skip = n + int(size)
		case 5:
			skip = 4
		default:
			return 0, errMessage
		}
		if skip > len(data) {
			return 0, errMessage
		}
		data = data[skip:]
	}
	return 0, nil
}

func read(socket string, within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	connection, err := grpc.DialContext(ctx, "passthrough:///localhost",
		grpc.WithInsecure(), grpc.WithBlock(), grpc.WithAuthority("localhost"),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}),
		grpc.WithDefaultCallOptions(
			grpc.ForceCodec(raw{}), grpc.MaxCallRecvMsgSize(mostSize)))
	if err != nil {
		return err
	}
	defer connection.Close()
	stream, err := connection.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, method)
	if err != nil {
		return err
	}
	if err = stream.SendMsg(&[]byte{}); err != nil {
		return err
	}
	if err = stream.CloseSend(); err != nil {
		return err
	}
	time.AfterFunc(settle, func() { fmt.Println("ready") })
	out := bufio.NewWriter(os.Stdout)
	for {
		var message []byte
		if err = stream.RecvMsg(&message); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		received := time.Now().UnixNano()
		created, err := varintField(message, createdAt)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, received, int64(created))
		if err = out.Flush(); err != nil {
			return err
		}
	}
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: go_reader SOCKET SECONDS")
		os.Exit(2)
	}
	seconds, err := strconv.ParseFloat(os.Args[2], 64)
	if err == nil {
		err = read(os.Args[1], time.Duration(seconds*float64(time.Second)))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "go_reader:", err)
		os.Exit(1)
	}
}
