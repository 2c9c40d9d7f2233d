// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/sanitize/pii"
)

// piiOrder is the place in config.PIIKinds of each kind of the room that finds them.
var piiOrder = func() (order [exchange.PIIKinds]int) {
	for i, name := range config.PIIKinds {
		if kind, ok := pii.ParseKind(string(name)); ok {
			order[kind] = i
		}
	}
	return order
}()

// piiKinds are the kinds of those names.
func piiKinds(names []config.PIIKind) pii.Kinds {
	var kinds pii.Kinds
	for _, name := range names {
		if kind, ok := pii.ParseKind(string(name)); ok {
			kinds |= pii.KindsOf(kind)
		}
	}
	return kinds
}

// addPII adds what was found, less what is told already.
func addPII(f *exchange.Findings, counts, told *pii.Counts, redacted bool) {
	for kind, n := range counts {
		if more := n - told[kind]; more > 0 {
			f.Count(piiOrder[kind], more)
			f.Add(exchange.FoundPII, redacted)
		}
	}
}

// piiStage looks for personal data in an answer. It holds back what the room that finds it does, and nothing where it only
// flags.
type piiStage struct {
	kinds pii.Kinds
	mode  config.SanitizeMode
	// refused is why the answer is, where it is.
	refused *Blocked
	stream  pii.Stream
	told    pii.Counts
	found   *exchange.Findings
	// redacted is what the stream gave, where it is not what is told. held is what it did not give yet, as it came, so that a
	// finding shows as a difference.
	redacted, held []byte
}

func newPIIStage(kinds pii.Kinds, mode config.SanitizeMode, refused *Blocked, found *exchange.Findings) *piiStage {
	p := &piiStage{kinds: kinds, mode: mode, refused: refused, found: found}
	p.reset()
	return p
}

func (p *piiStage) reset() {
	p.stream.Reset(p.kinds)
	p.told, p.held = pii.Counts{}, p.held[:0]
}

func (p *piiStage) write(dst, chunk []byte) ([]byte, *Blocked) {
	switch p.mode {
	case config.SanitizeRedact:
		dst = p.stream.Write(dst, chunk)
	case config.SanitizeBlock:
		p.held = append(p.held, chunk...)
		p.redacted = p.stream.Write(p.redacted[:0], chunk)
		return p.compare(dst)
	default:
		p.redacted = p.stream.Write(p.redacted[:0], chunk)
		dst = append(dst, chunk...)
	}
	p.count()
	return dst, nil
}

func (p *piiStage) close(dst []byte) ([]byte, *Blocked) {
	switch p.mode {
	case config.SanitizeRedact:
		dst = p.stream.Close(dst)
	case config.SanitizeBlock:
		p.redacted = p.stream.Close(p.redacted[:0])
		return p.compare(dst)
	default:
		p.redacted = p.stream.Close(p.redacted[:0])
	}
	p.count()
	return dst, nil
}

// compare tells what the stream left as it was.
func (p *piiStage) compare(dst []byte) ([]byte, *Blocked) {
	same := 0
	for same < len(p.redacted) && same < len(p.held) && p.redacted[same] == p.held[same] {
		same++
	}
	dst = append(dst, p.held[:same]...)
	differs := same < len(p.redacted)
	p.held = append(p.held[:0], p.held[same:]...)
	if !differs {
		return dst, nil
	}
	p.count()
	p.found.Add(exchange.FoundPII, false)
	return dst, p.refused
}

func (p *piiStage) count() {
	if counts := p.stream.Counts(); counts != p.told {
		addPII(p.found, &counts, &p.told, p.mode == config.SanitizeRedact)
		p.told = counts
	}
}
