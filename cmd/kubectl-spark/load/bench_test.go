// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// immediate answers each request with the same bytes at once, and costs next to nothing beside the client.
func immediate(b *testing.B, answer string) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				for from := bufio.NewReader(c); ; {
					request, err := http.ReadRequest(from)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, request.Body)
					if _, err := io.WriteString(c, answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// What a request costs the load itself, and the server of the benchmark with it.
func BenchmarkRequest(b *testing.B) {
	event := `data: {"choices":[{"index":0,"delta":{"content":"word "}}]}` + "\n\n"
	stream := strings.Repeat(event, 50) + "data: [DONE]\n\n"
	whole := `{"choices":[{"message":{"content":"` + strings.Repeat("word ", 50) + `"}}],"usage":{"prompt_tokens":200,"completion_tokens":50}}`
	for name, c := range map[string]struct {
		answer string
		stream float64
	}{
		"whole":               {fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: application/json\r\n\r\n%s", len(whole), whole), 0},
		"stream of 50 events": {fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: text/event-stream\r\n\r\n%s", len(stream), stream), 100},
	} {
		b.Run(name, func(b *testing.B) {
			to := client(b, ClientOptions{URL: immediate(b, c.answer)})
			m := mix(OpenAI, "m", c.stream)
			m.Prompts.a = 200
			k := newMaker(m)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				if a := to.Send(b.Context(), k.make(i), func() {}); a.Failure != "" {
					b.Fatal(a.Failure)
				}
			}
		})
	}
}
