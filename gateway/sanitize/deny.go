// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// denyStage searches an answer for deny patterns. It holds back from where a match may have begun: nothing where none can
// have, and at most maxMatch and maxGap bytes, with a character.
type denyStage struct {
	patterns []*pattern
	scans    []scan
	// done are patterns of which no more needs to be known.
	done  []bool
	tape  tape
	found *exchange.Findings
}

func newDenyStage(patterns []*pattern, found *exchange.Findings) *denyStage {
	d := &denyStage{patterns: patterns, scans: make([]scan, len(patterns)), done: make([]bool, len(patterns)), found: found}
	work := &workspace{}
	for i, p := range patterns {
		d.scans[i].machine, d.scans[i].workspace = p.machine, work
	}
	d.reset()
	return d
}

func (d *denyStage) reset() {
	d.tape.reset()
	for i := range d.scans {
		d.scans[i].reset()
		d.done[i] = false
	}
}

func (d *denyStage) write(dst, chunk []byte) ([]byte, *Blocked) {
	d.tape.text = append(d.tape.text, chunk...)
	return d.search(dst, false)
}

func (d *denyStage) close(dst []byte) ([]byte, *Blocked) { return d.search(dst, true) }

func (d *denyStage) search(dst []byte, ended bool) ([]byte, *Blocked) {
	to := d.tape.end()
	keep := to
	for i := range d.scans {
		s := &d.scans[i]
		for !d.done[i] {
			match, ok := s.next(d.tape.text, d.tape.base, ended)
			if !ok {
				break
			}
			d.take(i, match)
		}
		if d.done[i] {
			continue
		}
		keep = min(keep, s.hold())
		if d.patterns[i].mode != config.SanitizeFlag {
			to = min(to, s.hold())
		}
	}
	return d.tape.tell(dst, to, keep)
}

// take does with a match what the pattern says.
func (d *denyStage) take(i int, match span) {
	p := d.patterns[i]
	d.found.Add(exchange.FoundDenyPattern, p.mode == config.SanitizeRedact)
	switch p.mode {
	case config.SanitizeRedact:
		d.tape.cut(cut{span: match})
	case config.SanitizeBlock:
		d.tape.cut(cut{match, p.response})
		d.done[i] = true
	default:
		d.done[i] = true
	}
}
