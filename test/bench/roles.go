// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"

	"github.com/valyala/fasthttp"
)

// rolePrefix marks the first argument of this program when it runs as one of its own children.
const rolePrefix = "role:"

var roles = map[string]func(args []string) error{
	rolePrefix + "upstream": serveUpstream,
	rolePrefix + "relay":    serveRelay,
	rolePrefix + "load":     serveLoad,
}

func roleOf(args []string) (func([]string) error, bool) {
	if len(args) < 2 {
		return nil, false
	}
	role, isRole := roles[args[1]]
	return role, isRole
}

func ownRole(role string, args ...string) (processSpec, error) {
	program, err := os.Executable()
	return processSpec{path: program, args: append([]string{rolePrefix + role}, args...)}, err
}

// listen takes a free loopback port and says which on standard output, as the parent expects.
func listen() (net.Listener, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		fmt.Println(listener.Addr())
	}
	return listener, err
}

// serveUpstream answers chat requests as cheaply as it can.
func serveUpstream(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("upstream wants the bytes of its answers, got %q", args)
	}
	size, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	listener, err := listen()
	if err != nil {
		return err
	}
	whole, parts := responseBody(size), streamParts()
	server := &fasthttp.Server{NoDefaultServerHeader: true, Handler: func(ctx *fasthttp.RequestCtx) {
		body := ctx.PostBody()
		if !bytes.Contains(body, []byte(`"stream":true`)) {
			ctx.SetContentType("application/json")
			ctx.SetBody(whole)
			return
		}
		withUsage := bytes.Contains(body, []byte(`"include_usage":true`))
		ctx.SetContentType("text/event-stream; charset=utf-8")
		ctx.SetBodyStreamWriter(func(w *bufio.Writer) { writeStream(w, parts, withUsage) })
	}}
	return server.Serve(listener)
}

// writeStream flushes every event, as providers do.
func writeStream(w *bufio.Writer, parts [][]byte, withUsage bool) {
	for _, part := range parts {
		w.Write(part) //nolint:errcheck // Flush tells
		if w.Flush() != nil {
			return
		}
	}
	if withUsage {
		w.Write(streamUsage) //nolint:errcheck // the client counts
	}
	w.Write(streamDone) //nolint:errcheck // as above
	w.Flush()
}

// serveRelay copies bytes between each connection and one of its own to the upstream; on Linux the kernel splices
// them. It is the least that a proxy written in Go can cost.
func serveRelay(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("relay wants the upstream's address, got %q", args)
	}
	listener, err := listen()
	if err != nil {
		return err
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go relay(conn, args[0])
	}
}

func relay(client net.Conn, address string) {
	defer client.Close()
	upstream, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer upstream.Close()
	go func() {
		io.Copy(upstream, client) //nolint:errcheck // either side may leave
		upstream.Close()
	}()
	io.Copy(client, upstream) //nolint:errcheck // as above
}
