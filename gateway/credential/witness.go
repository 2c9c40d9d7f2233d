// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"
)

const (
	// maxAnswer bounds a cloud's answer, maxToken the token in a file.
	maxAnswer = 256 << 10
	maxToken  = 64 << 10
)

func newTransport() http.RoundTripper {
	return &http.Transport{
		Proxy: func(r *http.Request) (*url.URL, error) {
			if isLocal(r.URL.Hostname()) {
				return nil, nil
			}
			return http.ProxyFromEnvironment(r)
		},
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: 15 * time.Second,
		IdleConnTimeout:       30 * time.Second,
		MaxIdleConnsPerHost:   1,
		ForceAttemptHTTP2:     true,
	}
}

// isLocal says whether a host is the machine itself, or one of the addresses by which clouds give machines and pods their
// identity.
func isLocal(host string) bool {
	address, err := netip.ParseAddr(host)
	return err == nil && (address.IsLoopback() || address.IsLinkLocalUnicast() || address == podIdentityV6)
}

// podIdentityV6 is where Amazon EKS gives credentials to pods of IPv6 clusters; that of IPv4 is link-local.
var podIdentityV6 = netip.MustParseAddr("fd00:ec2::23")

// witness carries the requests of one attempt, bounds their answers, and remembers the last that was no success, as the
// libraries' own errors quote whole answers. It follows no redirects. It is safe for concurrent use.
type witness struct {
	ctx  context.Context
	base http.RoundTripper

	mu   sync.Mutex
	last error
}

func newWitness(ctx context.Context, base http.RoundTripper) *witness {
	return &witness{ctx: ctx, base: base}
}

// client gives an HTTP client that uses the witness.
func (w *witness) client() *http.Client {
	return &http.Client{
		Transport:     w,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// RoundTrip implements http.RoundTripper. Some libraries forget the context, so it is the attempt's.
func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := w.base.RoundTrip(r.WithContext(w.ctx))
	if err != nil {
		w.note(fmt.Errorf("%s cannot be reached: %w", r.URL.Host, err))
		return nil, err
	}
	body := &bounded{io.LimitReader(response.Body, maxAnswer), response.Body}
	response.Body = body
	if response.StatusCode < 200 || response.StatusCode > 299 {
		// What cannot be read tells nothing more than the status.
		text, _ := io.ReadAll(body)
		_ = body.Close()
		response.Body = io.NopCloser(bytes.NewReader(text))
		w.note(&Refusal{Host: r.URL.Host, Status: response.StatusCode, Code: codeOf(text)})
		return response, nil
	}
	w.note(nil)
	return response, nil
}

func (w *witness) note(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = err
}

// told gives what an attempt that failed is told as: the file that could not be read, the last answer, or that there was
// no token; never a library's words.
func (w *witness) told(err error) error {
	w.mu.Lock()
	last := w.last
	w.mu.Unlock()
	var path *fs.PathError
	switch {
	case errors.As(err, &path):
		return fmt.Errorf("%s %s: %w", path.Op, path.Path, path.Err)
	case errors.Is(err, errTokenFile):
		return errTokenFile
	case last != nil:
		return last
	case w.ctx.Err() != nil:
		return w.ctx.Err()
	}
	return errNoToken
}

type bounded struct {
	io.Reader
	io.Closer
}

// Refusal is a cloud's answer that was no success.
type Refusal struct {
	Host   string
	Status int
	// Code is the cloud's word for it, where it said one.
	Code string
}

// Error tells who answered what.
func (r *Refusal) Error() string {
	text := fmt.Sprintf("%s answered %d", r.Host, r.Status)
	if r.Code != "" {
		text += " (" + r.Code + ")"
	}
	return text
}

// word is the form of clouds' error codes; whatever else stands there is not repeated.
var word = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,63}$`)

// codeOf finds the error's code in an answer: {"error": "…"}, {"error": {"status": "…"}}, {"code": "…"} or XML's <Code>.
func codeOf(answer []byte) string {
	var whole struct {
		Error json.RawMessage `json:"error"`
		Code  string          `json:"code"`
	}
	var code string
	if json.Unmarshal(answer, &whole) == nil {
		var inner struct {
			Status string `json:"status"`
		}
		if json.Unmarshal(whole.Error, &code) != nil && json.Unmarshal(whole.Error, &inner) == nil {
			code = inner.Status
		}
		if code == "" {
			code = whole.Code
		}
	} else {
		var response struct {
			Code string `xml:"Error>Code"`
		}
		if xml.Unmarshal(answer, &response) == nil {
			code = response.Code
		}
	}
	if !word.MatchString(code) {
		return ""
	}
	return code
}

// errTokenFile says that a token's file holds none.
var errTokenFile = errors.New("the token's file is empty or too long")

// readToken reads a token that the kubelet keeps fresh.
func readToken(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(text))
	if token == "" || len(text) > maxToken {
		return "", errTokenFile
	}
	return token, nil
}
