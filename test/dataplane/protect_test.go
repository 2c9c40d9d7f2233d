// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	brotli "github.com/molecule-man/go-brrr"

	"github.com/sparkgateway/spark/gateway/config"
)

// flusher is what writes a coding.
type flusher interface {
	io.WriteCloser
	Flush() error
}

// codings give what compresses.
var codings = map[string]func(io.Writer) flusher{
	"gzip":    func(w io.Writer) flusher { return gzip.NewWriter(w) },
	"deflate": func(w io.Writer) flusher { return zlib.NewWriter(w) },
	"br": func(w io.Writer) flusher {
		b, _ := brotli.NewWriter(w, 5)
		return b
	},
	"zstd": func(w io.Writer) flusher {
		z, _ := zstd.NewWriter(w)
		return z
	},
}

func compress(t testing.TB, coding, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := codings[coding](&out)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// bomb is 10 GiB of zeros in a coding, without an end. What a MiB adds to those before it, it adds any number of times.
func bomb(t testing.TB, coding string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := codings[coding](&out)
	var before int
	for range 3 {
		before = out.Len()
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	return append(out.Bytes(), bytes.Repeat(out.Bytes()[before:], 10<<10)...)
}

// bounded makes the request limits of a document.
func bounded(l config.RequestLimits) option {
	return withDocument(func(d *config.Document) { d.Core.Gateway.RequestLimits = l })
}

func TestCompressedBodiesReachTheProviderPlain(t *testing.T) {
	s := start(t)
	text := chatBody("gpt-4o", "tokens=1", false)
	for coding := range codings {
		for way, body := range map[string]io.Reader{
			"of known length": bytes.NewReader(compress(t, coding, text)),
			"in chunks":       io.MultiReader(bytes.NewReader(compress(t, coding, text))),
		} {
			t.Run(coding+" "+way, func(t *testing.T) {
				s := s.as(t)
				s.provider.Reset()
				req, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/v1/chat/completions", body)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Authorization", "Bearer "+aliceKey)
				req.Header.Set("Content-Encoding", coding)
				req.Header.Set("Expect", "100-continue")
				if got := s.do(req); got.StatusCode != 200 {
					t.Fatalf("status %d: %s", got.StatusCode, got.body)
				}
				if r := s.provider.Records()[0]; r.Body != text || r.Headers.Get("Content-Encoding") != "" {
					t.Errorf("the provider got %q, %v", r.Body, r.Headers)
				}
			})
		}
	}
}

func TestACompressedFormIsAForm(t *testing.T) {
	s := start(t)
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	_ = w.WriteField("model", "whisper-1")
	part, _ := w.CreateFormFile("file", "a.wav")
	_, _ = part.Write(bytes.Repeat([]byte("sound"), 1000))
	_ = w.Close()
	req := s.request("POST", "/v1/audio/transcriptions", string(compress(t, "gzip", form.String())))
	req.Header.Set("Content-Type", w.FormDataContentType())
	req.Header.Set("Content-Encoding", "gzip")
	if got := s.do(req); got.StatusCode != 200 {
		t.Fatalf("status %d: %s", got.StatusCode, got.body)
	}
	if r := s.provider.Records()[0]; r.BodyBytes != form.Len() {
		t.Errorf("the provider got %d bytes of %d", r.BodyBytes, form.Len())
	}
}

func TestACodingThatNobodyReadsIsAnsweredWithThoseThatAre(t *testing.T) {
	s := start(t)
	for _, coding := range []string{"compress", "gzip, br"} {
		req := s.request("POST", "/v1/chat/completions", chatBody("gpt-4o", "", false))
		req.Header.Set("Content-Encoding", coding)
		got := s.do(req)
		if got.StatusCode != 415 || got.Header.Get("Accept-Encoding") != "gzip, deflate, br, zstd" || got.Header.Get("X-Spark-Reason") != "unsupported_content_encoding" {
			t.Errorf("%s: status %d, %v", coding, got.StatusCode, got.Header)
		}
	}
}

// peak watches how much memory is in use at most, beyond what was at the beginning, in MiB.
func peak(watched func()) uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before, most := m.HeapAlloc, m.HeapAlloc
	done, watching := make(chan struct{}), sync.WaitGroup{}
	watching.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
		}
	})
	watched()
	close(done)
	watching.Wait()
	return (most - before) >> 20
}

// Clients send 10 GiB each, in a few MiB. They are refused, and memory is what as many bodies within the bounds would take.
func TestBombsAreRefusedAndMemoryStaysFlat(t *testing.T) {
	const most, clients = 4 << 20, 16
	s := start(t, withDocument(func(d *config.Document) { d.Core.Gateway.MaxBodyBytes = most }))
	for coding := range codings {
		t.Run(coding, func(t *testing.T) {
			sent := bomb(t, coding)
			sent = sent[:min(len(sent), most)]
			used := peak(func() {
				var all sync.WaitGroup
				for range clients {
					all.Go(func() {
						req := s.request("POST", "/v1/chat/completions", "x")
						req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(sent)), int64(len(sent))
						req.Header.Set("Content-Encoding", coding)
						resp, err := s.client.Do(req)
						if err != nil {
							t.Error(err)
							return
						}
						defer func() { _ = resp.Body.Close() }()
						if resp.StatusCode != 413 || resp.Header.Get("X-Spark-Reason") != "decompressed_too_large" {
							t.Errorf("status %d, reason %q", resp.StatusCode, resp.Header.Get("X-Spark-Reason"))
						}
					})
				}
				all.Wait()
			})
			t.Logf("%d clients, %d bytes each: %d MiB more at most", clients, len(sent), used)
			if used > clients*3*most>>20 {
				t.Errorf("%d MiB", used)
			}
		})
	}
	if n := len(s.provider.Records()); n != 0 {
		t.Errorf("the provider got %d requests", n)
	}
}

func TestABodyOfBracketsIsRefused(t *testing.T) {
	s := start(t, bounded(config.RequestLimits{MaxDepth: 100}))
	deep := strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)
	for path, body := range map[string]string{
		"/v1/chat/completions": `{"model":"m","messages":` + deep + `}`, "/v1/embeddings": `{"model":"m","input":` + deep + `}`,
		"/v1/responses": `{"model":"m","input":` + deep + `}`, "/v1/messages": `{"model":"m","max_tokens":1,"messages":` + deep + `}`,
		"/v1beta/models/m:generateContent": `{"contents":` + deep + `}`, "/api/spark/generate": `{"prompt":` + deep + `}`,
	} {
		t.Run(path, func(t *testing.T) {
			s := s.as(t)
			used := peak(func() {
				if got := s.do(s.request("POST", path, body)); got.StatusCode != 400 || got.Header.Get("X-Spark-Reason") != "body_too_deep" {
					t.Errorf("status %d: %.200s", got.StatusCode, got.body)
				}
			})
			if used > 16 {
				t.Errorf("%d MiB", used)
			}
		})
	}
	// The body itself is one level. What is in it is the provider's business.
	for arrays, want := range map[int]bool{99: false, 100: true} {
		body := chatBody("gpt-4o", "tokens=1", false)
		body = body[:len(body)-1] + `,"x":` + strings.Repeat("[", arrays) + "1" + strings.Repeat("]", arrays) + "}"
		if got := s.do(s.request("POST", "/v1/chat/completions", body)); (got.Header.Get("X-Spark-Reason") == "body_too_deep") != want {
			t.Errorf("%d deep: status %d: %s", arrays+1, got.StatusCode, got.body)
		}
	}
}

func TestHeaderFieldsAreBounded(t *testing.T) {
	const most = 50
	s := start(t, bounded(config.RequestLimits{MaxHeaderFields: most}), withDocument(func(d *config.Document) {
		d.Core.Gateway.MaxHeaderBytes = config.MaxHeaderBytes
	}))
	head := "GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + aliceKey + "\r\n"
	for name, tc := range map[string]struct {
		fields     int
		want       int
		wantReason string
	}{
		"as many as may be":             {most, 200, ""},
		"one more":                      {most + 1, 431, "too_many_header_fields"},
		"as many as the buffer holds":   {5000, 431, "too_many_header_fields"},
		"ten thousand":                  {10_000, 431, "header_too_large"},
		"ten thousand, that do not end": {-10_000, 431, "header_too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.as(t)
			fields := max(tc.fields, -tc.fields)
			send := head + strings.Repeat("A:b\r\n", fields-2)
			if tc.fields > 0 {
				send += "\r\n"
			}
			used := peak(func() {
				c := s.dial()
				_, _ = io.WriteString(c, send)
				got := readResponse(t, c)
				if got.StatusCode != tc.want || got.Header.Get("X-Spark-Reason") != tc.wantReason || got.Header.Get("X-Content-Type-Options") != "nosniff" {
					t.Errorf("status %d: %s", got.StatusCode, got.body)
				}
				if tc.want == 431 && (!got.Close || decode(t, got.body).Error == nil) {
					t.Errorf("close %t: %s", got.Close, got.body)
				}
			})
			if used > 16 {
				t.Errorf("%d MiB", used)
			}
		})
	}
}

// A body that drips holds a connection and a goroutine for as long as the grace is, and no longer.
func TestABodyThatDripsIsGivenUp(t *testing.T) {
	t.Parallel()
	s := start(t, bounded(config.RequestLimits{MinBodyRate: 128}), withDocument(func(d *config.Document) {
		d.Core.Gateway.BodyTimeout = config.Duration(30 * time.Minute)
	}))
	for name, head := range map[string]string{
		"of known length": rawRequest("")[:len(rawRequest(""))-len("Content-Length: 0\r\n\r\n")] + "Content-Length: 100000\r\n\r\n",
		"in chunks":       rawRequest("")[:len(rawRequest(""))-len("Content-Length: 0\r\n\r\n")] + "Transfer-Encoding: chunked\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.as(t)
			c := s.dial()
			_, _ = io.WriteString(c, head)
			go drip(c)
			began := time.Now()
			got := readResponse(t, c)
			if took := time.Since(began); got.StatusCode != 408 || got.Header.Get("X-Spark-Reason") != "body_too_slow" || took < 4*time.Second || took > 20*time.Second {
				t.Errorf("status %d after %s: %s", got.StatusCode, took, got.body)
			}
			if !got.Close || got.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%v", got.Header)
			}
		})
	}
}

// drip writes a chunk of a byte every now and then, until nobody takes it. It is a body of known length as well.
func drip(c net.Conn) {
	for range time.Tick(100 * time.Millisecond) {
		if _, err := fmt.Fprint(c, "1\r\n{\r\n"); err != nil {
			return
		}
	}
}
