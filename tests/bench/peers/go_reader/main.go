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
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"google.golang.org/grpc"
)

const (
	method    = "/runtime.v1.RuntimeService/GetContainerEvents"
	createdAt = 3 // ContainerEventResponse.created_at, int64 (runtime.proto)
	// A runtime answers nothing when a subscription is in place; it is, well within this time.
	settle = 200 * time.Millisecond
)

func read(socket string, within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	connection, err := connect(ctx, socket)
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
		var created uint64 // left out where it is 0, as proto3 has it
		err = fields(message, func(field uint64, _ []byte, value uint64) error {
			if field == createdAt {
				created = value
			}
			return nil
		})
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
