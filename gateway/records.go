// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"time"

	"github.com/sparkgateway/spark/gateway/ledger"
)

// recordsWriteTimeout bounds each write to a tool that does not read.
const recordsWriteTimeout = 30 * time.Second

// RecordsHandler serves GET /v1/records?from=&to= with the records, as JSON lines, of those who ask by the administrative
// listener; source is as of exports, and now the clock. Both times are RFC 3339 or a date; they are as with GET /api/export.
// Put it behind mutual TLS only.
func RecordsHandler(source func() (reader RecordReader, shared bool), now func() time.Time) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodGet {
			w.Header().Set("Allow", http.MethodGet)
			http.Error(w, "GET only", http.StatusMethodNotAllowed)
			return
		}
		var q exportQuery
		for name, at := range map[string]*time.Time{"from": &q.from, "to": &q.to} {
			if text := req.URL.Query().Get(name); text != "" {
				var err error
				if *at, err = exportTime(text); err != nil {
					http.Error(w, name+": not a time", http.StatusBadRequest)
					return
				}
			}
		}
		if err := q.settle(now().UTC()); err != nil {
			http.Error(w, err.Param+": "+err.Message, http.StatusBadRequest)
			return
		}
		reader, shared := source()
		if reader == nil {
			http.Error(w, errNoRecords.Message, http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		w.Header().Set(ledger.ScopeHeader, scopeOf(shared))
		if err := writeRecords(w, req, reader, &q); err != nil {
			// What was written is a part, and must not look like the whole.
			panic(http.ErrAbortHandler)
		}
	})
}

func writeRecords(w http.ResponseWriter, req *http.Request, reader RecordReader, q *exportQuery) error {
	control := http.NewResponseController(w)
	// The server's own time limit is for short answers. Not all writers have deadlines.
	extend := func() error {
		if err := control.SetWriteDeadline(time.Now().Add(recordsWriteTimeout)); !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		return nil
	}
	if err := extend(); err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, exportChunk)
	err := reader.Read(req.Context(), q.from.Add(-ledger.Slack), q.to.Add(ledger.Slack), func(line []byte) error {
		line = bytes.TrimSuffix(line, []byte("\n"))
		if ended, ok := ledger.Ended(line); !ok || ended.Before(q.from) || !ended.Before(q.to) {
			return nil
		}
		if out.Available() <= len(line) {
			if err := extend(); err != nil {
				return err
			}
		}
		if _, err := out.Write(line); err != nil {
			return err
		}
		return out.WriteByte('\n')
	})
	if err != nil {
		return err
	}
	return out.Flush()
}
