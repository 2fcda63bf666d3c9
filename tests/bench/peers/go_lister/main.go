// Command go_lister prints every container of a runtime once, as `crictl ps -a` does.
//
//	go_lister SOCKET
//
// It makes the same two calls, Version and ListContainers, and prints a table. It stands in for
// crictl where there is none, and is cheaper: a program of a tenth of crictl's size, with none of
// its libraries to load, no configuration to read, no log to set up.
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"text/tabwriter"
	"time"

	"google.golang.org/grpc"
)

const (
	service  = "/runtime.v1.RuntimeService/"
	within   = 2 * time.Second
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

// fields hands every field of a message on: its number, and its bytes or its number's value.
func fields(data []byte, found func(field uint64, bytes []byte, value uint64) error) error {
	for len(data) > 0 {
		key, n := binary.Uvarint(data)
		if n <= 0 {
			return errMessage
		}
		data = data[n:]
		value, n := binary.Uvarint(data)
		if n <= 0 {
			return errMessage
		}
		var bytes []byte
		switch key & 7 {
		case 0:
		case 2:
			if value > uint64(len(data)-n) {
				return errMessage
			}
			bytes = data[n : n+int(value)]
			n += int(value)
		default: // none of the messages that are read here has another
			return errMessage
		}
		data = data[n:]
		if err := found(key>>3, bytes, value); err != nil {
			return err
		}
	}
	return nil
}

// container is what a line of the table says of one (runtime.proto, Container).
type container struct {
	id, pod, name, image string
	attempt, state       uint64
	created              time.Time
}

var states = []string{"Created", "Running", "Exited", "Unknown"}

func read(data []byte) (one container, err error) {
	err = fields(data, func(field uint64, bytes []byte, value uint64) error {
		switch field {
		case 1:
			one.id = string(bytes)
		case 2:
			one.pod = string(bytes)
		case 3:
			return fields(bytes, func(field uint64, bytes []byte, value uint64) error {
				switch field {
				case 1:
					one.name = string(bytes)
				case 2:
					one.attempt = value
				}
				return nil
			})
		case 5:
			one.image = string(bytes)
		case 6:
			one.state = value
		case 7:
			one.created = time.Unix(0, int64(value))
		}
		return nil
	})
	return one, err
}

func short(id string) string {
	if len(id) > 13 {
		return id[:13]
	}
	return id
}

func list(socket string) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
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
	var answer []byte
	for _, method := range []string{"Version", "ListContainers"} {
		if err = connection.Invoke(ctx, service+method, &[]byte{}, &answer); err != nil {
			return err
		}
	}
	out := bufio.NewWriter(os.Stdout)
	table := tabwriter.NewWriter(out, 20, 1, 3, ' ', 0)
	fmt.Fprintln(table, "CONTAINER\tIMAGE\tCREATED\tSTATE\tNAME\tATTEMPT\tPOD ID")
	err = fields(answer, func(_ uint64, bytes []byte, _ uint64) error {
		one, err := read(bytes)
		if err != nil {
			return err
		}
		age := time.Since(one.created).Round(time.Second)
		fmt.Fprintf(table, "%s\t%s\t%s ago\t%s\t%s\t%d\t%s\n", short(one.id), short(one.image), age,
			states[one.state&3], one.name, one.attempt, short(one.pod))
		return nil
	})
	if err != nil {
		return err
	}
	if err = table.Flush(); err != nil {
		return err
	}
	return out.Flush()
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go_lister SOCKET")
		os.Exit(2)
	}
	if err := list(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "go_lister:", err)
		os.Exit(1)
	}
}
