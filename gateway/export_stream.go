// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/ledger"
)

// exportStream writes an export in the connection's own goroutine, as a relay does.
type exportStream struct {
	r      *request
	reader RecordReader
	q      exportQuery
	slots  chan struct{}
}

// exportChunk is how many bytes are written at once.
const exportChunk = 32 << 10

// SupportsBodyWriteTo tells fasthttp to call WriteTo.
func (*exportStream) SupportsBodyWriteTo() bool { return true }

// Read is not used, as SupportsBodyWriteTo is true.
func (*exportStream) Read([]byte) (int, error) { return 0, io.ErrNoProgress }

// Close lets the next export begin, and settles the request.
func (s *exportStream) Close() error {
	<-s.slots
	s.r.settle()
	return nil
}

// canceling is a context as a guard breaks it off.
type canceling context.CancelFunc

// Cancel ends the context.
func (c canceling) Cancel() { c() }

// WriteTo writes the records. An error makes the engine close the connection without the end of the chunked framing, so that
// no client takes a part for the whole.
func (s *exportStream) WriteTo(w io.Writer) (n int64, err error) {
	r := s.r
	if err := r.ctx.Response.Header.SetTrailer(trailerNext); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	guard := r.guard()
	if !guard.Attach(canceling(cancel)) {
		cancel()
	}
	out := exportWriter{w: deadlineWriter{w, r.ctx, &r.relay.sent}, csv: s.q.csv, cut: cut{limit: s.q.limit}, filters: s.q.filters, from: s.q.from, to: s.q.to}
	defer func() {
		if fault := recover(); fault != nil {
			err = r.panicked(fault)
		}
		guard.Detach()
		n = out.written
		r.ex.BytesOut = n
		s.outcome(ctx, err)
	}()
	if out.csv {
		out.buffer = append(out.buffer, ledger.CSVHeader...)
	}
	// What was kept a little before or after it ended is looked at as well.
	err = s.reader.Read(ctx, out.from.Add(-ledger.Slack), out.to.Add(ledger.Slack), out.line)
	if errors.Is(err, errCut) {
		err = nil
	}
	if err == nil {
		err = out.flush()
	}
	if err == nil && !out.cut.next.IsZero() {
		setTrailer(&r.ctx.Response.Header, out.cut.next)
	}
	return out.written, err
}

// outcome says how the export ended.
func (s *exportStream) outcome(ctx context.Context, err error) {
	ex := &s.r.ex
	switch {
	case err == nil:
	case ctx.Err() != nil && s.r.guard().Draining():
		ex.Outcome, ex.Reason = exchange.Drained, exchange.ReasonDraining
	case ctx.Err() != nil, errors.Is(err, errClientWrite):
		ex.Outcome, ex.Reason = exchange.ClientGone, exchange.ReasonClientGone
	default:
		ex.Outcome, ex.Reason, ex.Cause = exchange.Internal, exchange.ReasonInternal, err
	}
}

var (
	errCut         = errors.New("there are more records than one export has")
	errClientWrite = errors.New("the client does not read")
)

// exportWriter turns lines into what the client asked for.
type exportWriter struct {
	w        io.Writer
	csv      bool
	filters  []ledger.Filter
	from, to time.Time
	cut      cut
	buffer   []byte
	written  int64
}

// line takes a line of the ledger.
func (o *exportWriter) line(line []byte) error {
	line = bytes.TrimSuffix(line, []byte("\n"))
	ended, ok := ledger.Ended(line)
	if !ok || ended.Before(o.from) || !ended.Before(o.to) {
		return nil
	}
	for _, f := range o.filters {
		if !f.Match(line) {
			return nil
		}
	}
	take, done := o.cut.take(ended)
	if done {
		return errCut
	}
	if !take {
		return nil
	}
	if !o.csv {
		o.buffer = append(append(o.buffer, line...), '\n')
	} else if record, err := ledger.Parse(line); err == nil {
		o.buffer = ledger.AppendCSV(o.buffer, &record)
	}
	if len(o.buffer) >= exportChunk {
		return o.flush()
	}
	return nil
}

func (o *exportWriter) flush() error {
	if len(o.buffer) == 0 {
		return nil
	}
	n, err := o.w.Write(o.buffer)
	o.written += int64(n)
	o.buffer = o.buffer[:0]
	if err != nil {
		return errors.Join(errClientWrite, err)
	}
	return nil
}

// cut ends an export at a time, so that going on from there gives the others, each once. Records come in about the order in
// which they ended: beyond the limit, those that belong before the last that was taken are taken too.
type cut struct {
	limit, taken int64
	// last is when the latest of those taken ended, next when the first of those left did; zero where none was left.
	last, next time.Time
}

func (c *cut) take(ended time.Time) (take, done bool) {
	switch {
	case c.taken < c.limit:
		c.taken++
		if ended.After(c.last) {
			c.last = ended
		}
		return true, false
	case !ended.After(c.last):
		return true, false
	}
	if c.next.IsZero() || ended.Before(c.next) {
		c.next = ended
	}
	return false, ended.After(c.last.Add(ledger.Slack))
}
