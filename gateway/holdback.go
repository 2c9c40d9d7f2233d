// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"time"

	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/sse"
)

const (
	// maxHeld bounds a stream that is held until the guards have answered.
	maxHeld = 8 << 20
	// heldKeepAlive is how long a client is left in silence meanwhile, unless Options say otherwise.
	heldKeepAlive = 15 * time.Second
)

// holdback holds a stream until the guards have answered.
type holdback struct {
	r     *request
	w     io.Writer
	held  []byte
	alive time.Time // when the client was last told that the gateway is there
	told  bool      // why it gets no more
}

// Write keeps events, and passes on what only says that the gateway is still there. It says so itself where a provider is never
// silent for long enough.
func (h *holdback) Write(events []byte) (int, error) {
	r := h.r
	if signOfLife(events) {
		h.alive = time.Now()
		return h.w.Write(events)
	}
	if len(h.held)+len(events) > maxHeld {
		r.words.blocked, h.told = internal(errors.New("the answer is too long to be held for the guards")), true
		return 0, r.breakOff(h.w, r.words.blocked, false)
	}
	h.held = append(h.held, events...)
	if time.Since(h.alive) < cmp.Or(r.srv.opts.KeepAlive, heldKeepAlive) {
		return len(events), nil
	}
	h.alive = time.Now()
	if _, err := h.w.Write(dialect.AppendKeepAlive(nil, r.dialect)); err != nil {
		return 0, err
	}
	return len(events), nil
}

// signOfLife says that events hold nothing of an answer: comments, empty ones, and Anthropic's pings. One that begins as a comment
// may go on with data.
func signOfLife(events []byte) bool {
	for line := range bytes.FieldsFuncSeq(events, func(c rune) bool { return c == '\n' || c == '\r' }) {
		switch string(bytes.ReplaceAll(line, []byte(" "), nil)) {
		case "event:ping", `data:{"type":"ping"}`:
			continue
		}
		if line[0] != ':' {
			return false
		}
	}
	return true
}

// end asks the guards, and passes on what they let pass. Of a stream that broke off nothing is passed on but why.
func (h *holdback) end(broken bool) error {
	r := h.r
	switch {
	case h.told:
		return errBlocked
	case broken:
		return h.breakOff()
	}
	body := r.consultAnswer(h.held, r.textsOfStream, r.filterStream)
	if r.words.blocked != nil {
		return r.breakOff(h.w, r.words.blocked, false)
	}
	_, err := h.w.Write(body)
	return err
}

// breakOff tells the client why the stream broke off, in the words that are held where these are nothing else.
func (h *holdback) breakOff() error {
	r := h.r
	switch {
	case r.words.blocked != nil:
		return r.breakOff(h.w, r.words.blocked, false)
	case r.ex.Outcome == exchange.ClientGone:
		// Those who follow find out, and are told by their own requests.
		return errBlocked
	}
	if said := lastError(r.dialect, h.held); said != nil && !r.array() {
		_, _ = h.w.Write(said)
		return errBlocked
	}
	return r.breakOff(h.w, &exchange.Error{
		Status: 502, Type: exchange.TypeUpstream, Message: "The answer broke off.", Outcome: r.ex.Outcome, Reason: r.ex.Reason,
	}, false)
}

// lastError gives the last of some events where it is an error and nothing else; nil where it is not.
func lastError(d exchange.Dialect, held []byte) (raw []byte) {
	var events sse.Scanner
	from := bytes.NewReader(held)
	for {
		e, ok, err := events.Next()
		switch {
		case err != nil:
			return nil
		case ok && e.HasData:
			a, read := dialect.ReadAnswer(d, e.Data)
			// The event by which Responses fail repeats all that was said.
			if raw = raw[:0]; read && a.Error != nil && !bytes.Contains(e.Data, []byte(`"response.failed"`)) {
				raw = append(raw, e.Raw...)
			}
		case ok:
		default:
			if n, _ := events.Fill(from); n == 0 {
				if len(raw) == 0 || len(events.Rest()) > 0 {
					return nil
				}
				return raw
			}
		}
	}
}
