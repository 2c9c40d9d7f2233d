// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
)

const (
	// maxEvent bounds one message of a provider.
	maxEvent = 16 << 20
	// closeGrace is how long a side may take to end once a WebSocket is being closed.
	closeGrace = time.Second
	// silences are how many keep-alive pings in a row may go unanswered.
	silences = 4
)

// keepAlivePing is the payload of the gateway's own pings; the pongs that it comes back in go no further.
var keepAlivePing = []byte("spark-keep-alive")

// session is a WebSocket between a client and a provider. run relays frames both ways until it ends.
type session struct {
	client, provider *side
	keepAlive        time.Duration
	// cancel closes the provider's connection; draining says that the gateway, and not the client, was the reason to stop.
	cancel   func()
	draining func() bool
	first    func() // is called when the provider's first frame comes
	// spent is told what all answers used so far, after each, and says by which limit there must be no further one; nil for
	// none.
	spent func(exchange.Usage) *exchange.Constraint

	stop     chan struct{}
	stopOnce sync.Once

	mu      sync.Mutex
	closeBy time.Time // when both sides must have ended; zero until one closes
	ended   bool      // the rest is set
	outcome exchange.Outcome
	reason  exchange.Reason
	cause   error

	// Of the provider's direction.
	usage   exchange.Usage
	over    *exchange.Constraint // by which there must be no further answer
	message []byte               // of an event in several frames
}

// side is one of the two.
type side struct {
	conn   net.Conn
	frames frameReader
	// bytes came from it.
	bytes int64

	writing sync.Mutex
	masks   bool // whether what is written to it must be masked
	closed  bool // it was told that the WebSocket is closed; guarded by writing
}

func newSession(client net.Conn, clientBound int64, provider net.Conn, fromProvider *bufio.Reader) *session {
	return &session{
		client:   &side{conn: client, frames: frameReader{r: bufio.NewReader(client), masked: true, bound: clientBound}},
		provider: &side{conn: provider, frames: frameReader{r: fromProvider, bound: maxEvent}, masks: true},
		stop:     make(chan struct{}),
	}
}

// Cancel ends the session, because the client left or the gateway must.
func (s *session) Cancel() { s.stopOnce.Do(func() { close(s.stop) }) }

// run relays until both sides have ended. The provider's direction is its own goroutine's, which is the caller's.
func (s *session) run(recovered func(any)) {
	done := make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() {
		select {
		case <-s.stop:
			s.stopped()
		case <-done:
		}
	})
	others.Go(func() {
		defer func() {
			if fault := recover(); fault != nil {
				recovered(fault)
				s.cancel()
			}
		}()
		s.fromClient()
	})
	func() {
		// A fault here is the request's own business, but the other goroutines must end first.
		defer func() {
			s.closing()
			close(done)
			others.Wait()
		}()
		s.fromProvider()
	}()
}

// stopped acts on Cancel.
func (s *session) stopped() {
	if !s.draining() {
		s.end(exchange.ClientGone, exchange.ReasonClientGone, nil)
		s.cancel()
		return
	}
	s.end(exchange.Drained, exchange.ReasonDraining, nil)
	goodbye := closePayload(closeGoingAway, "The gateway is shutting down.")
	_ = s.client.control(opClose, goodbye)
	_ = s.provider.control(opClose, goodbye)
	s.closing()
}

// end notes how the session ended; what is noted first stands.
func (s *session) end(outcome exchange.Outcome, reason exchange.Reason, cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.ended, s.outcome, s.reason, s.cause = true, outcome, reason, cause
	}
}

// closing gives both sides a moment to end.
func (s *session) closing() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closeBy.IsZero() {
		s.closeBy = time.Now().Add(closeGrace)
	}
	_ = s.client.conn.SetReadDeadline(s.closeBy)
	_ = s.provider.conn.SetReadDeadline(s.closeBy)
}

// wait waits for a side's next frame, and pings it when it is silent. An error says that none comes.
func (s *session) wait(from *side) error {
	for range silences {
		s.mu.Lock()
		last := !s.closeBy.IsZero()
		if !last {
			_ = from.conn.SetReadDeadline(time.Now().Add(s.keepAlive))
		}
		s.mu.Unlock()
		_, err := from.frames.r.Peek(1)
		if err == nil {
			return s.mayTake(from)
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || last {
			return err
		}
		if err := from.control(opPing, keepAlivePing); err != nil {
			return err
		}
	}
	return os.ErrDeadlineExceeded
}

// mayTake bounds the time from a frame's first byte to its last.
func (s *session) mayTake(from *side) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closeBy.IsZero() {
		return from.conn.SetReadDeadline(time.Now().Add(writeTimeout))
	}
	return nil
}

// next gives the next frame of a side that concerns the other.
func (s *session) next(from *side) (frame, error) {
	for {
		if err := s.wait(from); err != nil {
			return frame{}, err
		}
		f, err := from.frames.next()
		if err != nil {
			return f, err
		}
		from.bytes += int64(len(f.raw))
		if f.opcode != opPong || !bytes.Equal(f.text(), keepAlivePing) {
			return f, nil
		}
	}
}

// fromClient relays the client's frames. When it leaves, the provider's connection is closed at once.
func (s *session) fromClient() {
	for {
		f, err := s.next(s.client)
		if err != nil {
			s.clientEnded(err)
			return
		}
		if f.opcode == opClose {
			s.end(exchange.OK, "", nil)
		}
		if s.provider.write(f.raw) != nil || f.opcode == opClose {
			// What the provider still says, above all why it does not listen, is relayed.
			s.closing()
			return
		}
	}
}

func (s *session) clientEnded(err error) {
	switch {
	case errors.Is(err, errFrame):
		s.end(exchange.Refused, exchange.ReasonMalformed, err)
		_ = s.client.control(opClose, closePayload(closeProtocol, "This is no WebSocket frame that may come here."))
	case errors.Is(err, errFrameTooBig):
		s.end(exchange.Refused, exchange.ReasonBodyTooLarge, err)
		_ = s.client.control(opClose, closePayload(closeTooBig, "The message is too large."))
	default:
		s.end(exchange.ClientGone, exchange.ReasonClientGone, err)
	}
	s.cancel()
}

// fromProvider relays the provider's frames and sums up what it reports.
func (s *session) fromProvider() {
	for {
		f, err := s.next(s.provider)
		if err != nil {
			s.providerEnded(err)
			return
		}
		s.first()
		s.observe(&f)
		if f.opcode == opClose {
			s.providerCloses(f.closeCode())
		}
		if err := s.client.write(f.raw); err != nil {
			s.end(exchange.ClientGone, exchange.ReasonClientGone, err)
			return
		}
		if f.opcode == opClose {
			s.closing()
		}
		if by := s.over; by != nil {
			s.overspent(by)
			return
		}
	}
}

// overspent ends a session whose limits are used up.
func (s *session) overspent(by *exchange.Constraint) {
	s.end(exchange.Limited, limitReasons[by.Dimension], nil)
	_ = s.client.control(opClose, closePayload(closePolicy, "A limit is used up: "+nameOf(by)+"."))
	_ = s.provider.control(opClose, closePayload(closeNormal, ""))
}

func (s *session) providerCloses(code int) {
	switch code {
	case closeNormal, closeGoingAway, closeNoCode:
		s.end(exchange.OK, "", nil)
	default:
		s.end(exchange.ProviderFailed, exchange.ReasonProviderErrorEvent, nil)
	}
}

// providerEnded tells the client, unless it knows.
func (s *session) providerEnded(err error) {
	reason := exchange.ReasonReset
	switch {
	case errors.Is(err, errFrame):
		reason = exchange.ReasonInvalidResponse
	case errors.Is(err, errFrameTooBig):
		reason = exchange.ReasonResponseTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		reason = exchange.ReasonBetweenTokens
	}
	s.mu.Lock()
	known := s.ended
	s.mu.Unlock()
	if known {
		return
	}
	outcome := exchange.ProviderBroken
	if reason == exchange.ReasonBetweenTokens {
		outcome = exchange.ProviderTimeout
	}
	s.end(outcome, reason, err)
	_ = s.client.control(opClose, closePayload(closeInternal, "The provider's connection broke off."))
}

var wordDone = []byte(`"response.done"`)

// observe adds up the usage of the responses that a session brings.
func (s *session) observe(f *frame) {
	if f.control() {
		return
	}
	event := f.payload
	if !f.fin || f.opcode == opContinuation {
		if f.opcode != opContinuation {
			s.message = s.message[:0]
		}
		s.message = append(s.message, f.payload...)
		event = s.message
	}
	if !f.fin || !bytes.Contains(event, wordDone) {
		return
	}
	if answer, ok := dialect.ReadAnswer(exchange.OpenAI, event); ok && answer.Usage.Source != exchange.UsageNone {
		s.usage = dialect.Sum(s.usage, answer.Usage)
		if s.spent != nil && s.over == nil {
			s.over = s.spent(s.usage)
		}
	}
	if cap(s.message) > keepBody {
		s.message = nil
	}
}

// write sends a frame, whole, to a side. After the one that closes the WebSocket nothing more is sent.
func (d *side) write(raw []byte) error {
	d.writing.Lock()
	defer d.writing.Unlock()
	if d.closed {
		return nil
	}
	d.closed = raw[0] == finBit|opClose
	_ = d.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := d.conn.Write(raw)
	return err
}

// control sends a frame of the gateway's own.
func (d *side) control(opcode byte, payload []byte) error {
	var mask *[maskLen]byte
	if d.masks {
		mask = new([maskLen]byte)
		_, _ = rand.Read(mask[:])
	}
	return d.write(appendControl(nil, opcode, payload, mask))
}
