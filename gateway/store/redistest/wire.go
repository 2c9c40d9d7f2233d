// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package redistest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// Do sends a command to a server over a connection of its own, after AUTH with a password unless that is empty, and gives the
// first line of the answer; of a bulk string, the string.
func Do(addr, password string, args ...string) (string, error) {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", err
	}
	answer := bufio.NewReader(conn)
	if password != "" {
		if said, err := ask(conn, answer, "AUTH", password); err != nil || said != "+OK" {
			return said, err
		}
	}
	return ask(conn, answer, args...)
}

func ask(conn net.Conn, answer *bufio.Reader, args ...string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, arg := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(arg), arg)
	}
	if _, err := conn.Write([]byte(b.String())); err != nil {
		return "", err
	}
	line, err := answer.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	var n int
	if _, err := fmt.Sscanf(line, "$%d", &n); err != nil || n < 0 {
		return line, nil
	}
	bulk := make([]byte, n)
	if _, err := io.ReadFull(answer, bulk); err != nil {
		return "", err
	}
	return string(bulk), nil
}
