// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"errors"
	"strings"
	"sync"

	"github.com/go-logr/logr"
)

// hearing listens to what client-go logs of a forwarded port, which it tells nobody otherwise, and keeps it from the terminal: the
// end of a connection that was no longer needed is an error to it. Its zero value is ready, and safe for concurrent use.
type hearing struct {
	mu     sync.Mutex
	broken error
}

// first is the first of what kept connections from the pod; nil where nothing did.
func (h *hearing) first() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.broken
}

// breaking begins what client-go says of a connection that does not reach the pod: the node's answer, or a lost connection to
// the API server.
var breaking = []string{"An error occurred forwarding", "Error creating"}

// Error implements logr.LogSink.
func (h *hearing) Error(err error, what string, _ ...any) {
	if err == nil {
		return
	}
	for _, begin := range breaking {
		if strings.HasPrefix(what, begin) {
			h.mu.Lock()
			if h.broken == nil {
				h.broken = errors.New(oneLine(err.Error()))
			}
			h.mu.Unlock()
		}
	}
}

// oneLine bounds what others say.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxProblem {
		text = strings.ToValidUTF8(text[:maxProblem], "")
	}
	return text
}

// Init implements logr.LogSink.
func (*hearing) Init(logr.RuntimeInfo) {}

// Enabled implements logr.LogSink.
func (*hearing) Enabled(int) bool { return false }

// Info implements logr.LogSink.
func (*hearing) Info(int, string, ...any) {}

// WithValues implements logr.LogSink.
func (h *hearing) WithValues(...any) logr.LogSink { return h }

// WithName implements logr.LogSink.
func (h *hearing) WithName(string) logr.LogSink { return h }
