// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// State is where a recorded request stands.
type State string

// A request is running until one of the others becomes true, once.
const (
	Running   State = "running"
	Completed State = "completed" // everything meant to be sent was sent, refusals such as 401 included
	Cancelled State = "cancelled" // the client left first
	Faulted   State = "faulted"   // a fault ended or replaced the answer
)

// Record is one request as it was received, and what became of it. Admin requests are not recorded.
type Record struct {
	ID         int64       `json:"id"` // rising from 1
	Method     string      `json:"method"`
	Path       string      `json:"path"`
	Query      string      `json:"query,omitempty"` // the parameter key is redacted
	RemoteAddr string      `json:"remoteAddr"`
	Headers    http.Header `json:"headers"` // credentials keep their last 4 characters
	KeySHA256  string      `json:"keySHA256,omitempty"`
	Body       string      `json:"body,omitempty"` // at most Options.RecordBodyLimit bytes of it
	BodyBytes  int         `json:"bodyBytes"`      // of the whole

	Model  string `json:"model,omitempty"`
	Stream bool   `json:"stream"`
	Fault  string `json:"fault,omitempty"` // the fault specification that applied
	Rule   string `json:"rule,omitempty"`  // the script's rule that applied
	Status int    `json:"status,omitempty"`
	State  State  `json:"state"`

	StartedAt   time.Time `json:"startedAt"`
	EndedAt     time.Time `json:"endedAt,omitzero"`
	CancelledAt time.Time `json:"cancelledAt,omitzero"` // when the client was seen to have left

	BytesSent        int64 `json:"bytesSent"` // of bodies, before HTTP framing
	EventsSent       int   `json:"eventsSent"`
	PromptTokens     int   `json:"promptTokens"`
	CompletionTokens int   `json:"completionTokens"` // actually handed to the client's connection
}

// SHA256Of is what Record.KeySHA256 says of a request that carried this key.
func SHA256Of(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// credentialHeaders carry a provider's key in one dialect or another.
var credentialHeaders = []string{"Authorization", "Api-Key", "X-Api-Key", "X-Goog-Api-Key", "X-Amz-Security-Token"}

func newRecord(r *http.Request, now time.Time) Record {
	record := Record{
		Method: r.Method, Path: r.URL.Path, RemoteAddr: r.RemoteAddr, State: Running, StartedAt: now,
		Headers: r.Header.Clone(),
	}
	key := credential(r)
	if key != "" {
		record.KeySHA256 = SHA256Of(key)
	}
	for _, name := range credentialHeaders {
		for i, value := range record.Headers.Values(name) {
			record.Headers[name][i] = redact(value)
		}
	}
	record.Query = redactQuery(r.URL)
	return record
}

// credential finds the key of a request, without its scheme.
func credential(r *http.Request) string {
	for _, name := range credentialHeaders {
		if value := r.Header.Get(name); value != "" {
			if claim, isSigned := claimOf(value); isSigned {
				return claim.keyID
			}
			_, key := splitScheme(value)
			return key
		}
	}
	return r.URL.Query().Get("key")
}

func splitScheme(value string) (scheme, key string) {
	if before, after, found := strings.Cut(value, " "); found {
		return before + " ", after
	}
	return "", value
}

func redact(value string) string {
	scheme, key := splitScheme(value)
	if len(key) <= 8 {
		return scheme + "***"
	}
	return scheme + "***" + key[len(key)-4:]
}

func redactQuery(u *url.URL) string {
	query := u.Query()
	key := query.Get("key")
	if key == "" {
		return u.RawQuery
	}
	query.Set("key", redact(key))
	return query.Encode()
}
