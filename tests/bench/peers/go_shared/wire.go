// What the peers in Go share: they take messages as bytes and look at few of their fields.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"net"

	"google.golang.org/grpc"
)

// As in the kubelet's own client (cri-client utils.go, maxMsgSize).
const mostSize = 16 << 20

// raw hands messages on as they are.
type raw struct{}

func (raw) Marshal(v interface{}) ([]byte, error) { return *v.(*[]byte), nil }

func (raw) Unmarshal(data []byte, v interface{}) error {
	*v.(*[]byte) = data
	return nil
}

func (raw) Name() string { return "proto" }

var errMessage = errors.New("not a protobuf message")

// fields hands every field of a message on: its number, and its bytes or its value as a number.
func fields(data []byte, found func(field uint64, bytes []byte, value uint64) error) error {
	for len(data) > 0 {
		key, n := binary.Uvarint(data)
		if n <= 0 {
			return errMessage
		}
		data = data[n:]
		var value uint64
		var bytes []byte
		size := 0
		switch key & 7 {
		case 0, 2:
			if value, size = binary.Uvarint(data); size <= 0 {
				return errMessage
			}
			if key&7 == 2 {
				if value > uint64(len(data)-size) {
					return errMessage
				}
				bytes = data[size : size+int(value)]
				size += int(value)
			}
		case 1:
			size = 8
		case 5:
			size = 4
		default:
			return errMessage
		}
		if size > len(data) {
			return errMessage
		}
		data = data[size:]
		if err := found(key>>3, bytes, value); err != nil {
			return err
		}
	}
	return nil
}

// connect waits until there is a connection to a socket, or the context is over.
func connect(ctx context.Context, socket string) (*grpc.ClientConn, error) {
	return grpc.DialContext(ctx, "passthrough:///localhost",
		grpc.WithInsecure(), grpc.WithBlock(), grpc.WithAuthority("localhost"),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}),
		grpc.WithDefaultCallOptions(
			grpc.ForceCodec(raw{}), grpc.MaxCallRecvMsgSize(mostSize)))
}
