// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package tally adds up what holders used over all processes of a gateway, those that have gone included.
package tally

import (
	"hash/fnv"
	"sync"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

const (
	// foldAfter is how long a process has to be gone before its counts are put to those of all that have gone. It only saves
	// memory, so it is late: a process that were folded and spoke again would count twice.
	foldAfter = 10 * time.Minute
	// settleAfter is how long the present pods are waited for before others are told what they counted.
	settleAfter = 10 * time.Second
	// maxHolders bounds what is kept, and maxName how long a holder's name is: users are named by those who issue tokens.
	maxHolders = 500_000
	maxName    = 1024
)

// Tally is of one gateway. A process tells what it counted since it began, so that hearing the same twice changes nothing.
// It is safe for concurrent use.
type Tally struct {
	mu     sync.Mutex
	opened time.Time
	// settled says that every pod was heard by this Tally, or was waited for long enough.
	settled bool
	// present are the UIDs of the pods that exist, and serving how many of them share limits.
	present map[string]bool
	serving int

	processes map[string]*process
	// current is the newest process of each pod.
	current map[string]*process
	// gone stands for all processes that were folded, store for what the store knows of all together.
	gone, store *process

	holders map[string]*holder
	// newest and oldest end the list of holders in the order of their changes, which change numbers.
	newest, oldest *holder
	change         int64
	sheets         sheets
}

// process is one process of a pod.
type process struct {
	instance, pod string
	// heard says that it spoke to this Tally.
	heard bool
	// absent is since when it is gone, zero while it is not.
	absent time.Time
	// cursor is where its next answer goes on, told the change up to which it knows what others counted.
	cursor, told int64
	// shared says that it tells what the store knows.
	shared bool
}

// holder is what one holder used, by process.
type holder struct {
	name         string
	hash         uint32
	parts        []part
	changed      int64
	newer, older *holder
}

type part struct {
	by      *process
	use     config.HolderUse
	changed int64
}

// New gives an empty Tally, which waits for the pods from now on.
func New(now time.Time) *Tally {
	return &Tally{
		opened: now, present: map[string]bool{}, processes: map[string]*process{}, current: map[string]*process{},
		gone: &process{}, store: &process{}, holders: map[string]*holder{}, sheets: newSheets(),
	}
}

// Pods says which pods exist, by UID, and how many share the limits, and folds processes that are gone for long.
func (t *Tally) Pods(uids []string, serving int, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.serving = serving
	clear(t.present)
	for _, uid := range uids {
		t.present[uid] = true
	}
	for _, p := range t.processes {
		newest := t.current[p.pod]
		switch {
		case t.present[p.pod] && (newest == nil || newest == p):
			p.absent = time.Time{}
		case p.absent.IsZero():
			p.absent = now
		case now.Sub(p.absent) >= foldAfter:
			t.fold(p)
		}
	}
}

// fold puts the counts of a process to those of all that have gone. What others are told does not change by it.
func (t *Tally) fold(p *process) {
	for _, h := range t.holders {
		from := h.part(p)
		if from == nil {
			continue
		}
		use, changed := from.use, from.changed
		t.remove(h, p)
		into := t.partOf(h, t.gone)
		into.use.Add(&use)
		into.changed = max(into.changed, changed)
		t.sheets.touch(h)
	}
	delete(t.processes, p.instance)
	if t.current[p.pod] == p {
		delete(t.current, p.pod)
	}
}

// Use gives what a holder used over all processes.
func (t *Tally) Use(name string) config.HolderUse {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h := t.holders[name]; h != nil {
		return h.sum(nil)
	}
	return config.HolderUse{Holder: name}
}

// Settled says that every pod was heard, or was waited for long enough: before that, the Tally may know less than what was
// told before it was opened.
func (t *Tally) Settled(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.settle(now)
}

func (t *Tally) settle(now time.Time) bool {
	if t.settled {
		return true
	}
	if now.Sub(t.opened) < settleAfter {
		if len(t.present) == 0 {
			return false
		}
		for uid := range t.present {
			if p := t.current[uid]; p == nil || !p.heard {
				return false
			}
		}
	}
	t.settled = true
	return true
}

// Sweep forgets holders that are not wanted any more.
func (t *Tally) Sweep(wanted func(*config.HolderUse) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, h := range t.holders {
		if use := h.sum(nil); wanted(&use) {
			continue
		}
		t.unlink(h)
		t.sheets.parts -= len(h.parts)
		t.sheets.touch(h)
		delete(t.holders, name)
	}
}

// holder gives the holder of a name, made at first use; nil where there are too many.
func (t *Tally) holder(name string) *holder {
	h := t.holders[name]
	if h == nil && len(t.holders) < maxHolders && name != "" && len(name) <= maxName {
		hash := fnv.New32a()
		_, _ = hash.Write([]byte(name))
		h = &holder{name: name, hash: hash.Sum32()}
		t.holders[name] = h
	}
	return h
}

// note keeps what is told of a holder, and says whether that is more than was known.
func (t *Tally) note(by *process, said *config.HolderUse) bool {
	h := t.holder(said.Holder)
	if h == nil {
		return false
	}
	into := t.partOf(h, by)
	if !rise(&into.use, said) {
		return false
	}
	t.change++
	into.changed, h.changed = t.change, t.change
	t.unlink(h)
	t.link(h)
	t.sheets.touch(h)
	return true
}

// partOf gives the part of a process, made at first use. It is not to be kept.
func (t *Tally) partOf(h *holder, by *process) *part {
	if p := h.part(by); p != nil {
		return p
	}
	h.parts = append(h.parts, part{by: by, use: config.HolderUse{Holder: h.name}})
	t.sheets.parts++
	return &h.parts[len(h.parts)-1]
}

func (t *Tally) remove(h *holder, by *process) {
	for i := range h.parts {
		if h.parts[i].by == by {
			h.parts = append(h.parts[:i], h.parts[i+1:]...)
			t.sheets.parts--
			return
		}
	}
}

func (h *holder) part(by *process) *part {
	for i := range h.parts {
		if h.parts[i].by == by {
			return &h.parts[i]
		}
	}
	return nil
}

// sum adds up all parts but one process's.
func (h *holder) sum(but *process) config.HolderUse {
	all := config.HolderUse{Holder: h.name}
	for i := range h.parts {
		if h.parts[i].by != but || but == nil {
			all.Add(&h.parts[i].use)
		}
	}
	return all
}

func (t *Tally) link(h *holder) {
	h.older = t.newest
	if t.newest != nil {
		t.newest.newer = h
	} else {
		t.oldest = h
	}
	t.newest = h
}

func (t *Tally) unlink(h *holder) {
	switch {
	case h.newer != nil:
		h.newer.older = h.older
	case t.newest == h:
		t.newest = h.older
	}
	switch {
	case h.older != nil:
		h.older.newer = h.newer
	case t.oldest == h:
		t.oldest = h.newer
	}
	h.newer, h.older = nil, nil
}

// rise takes over of what is told what is more than what is known: counts never fall, and windows never go back.
func rise(known, said *config.HolderUse) bool {
	before := *known
	known.Requests = max(known.Requests, said.Requests)
	known.Tokens = max(known.Tokens, said.Tokens)
	known.Cost = max(known.Cost, said.Cost)
	known.Last = max(known.Last, said.Last)
	for _, w := range []struct{ known, said *config.WindowUse }{
		{&known.Day, &said.Day}, {&known.Week, &said.Week}, {&known.Month, &said.Month},
	} {
		switch {
		case w.said.Window > w.known.Window:
			*w.known = config.WindowUse{Window: w.said.Window, Cost: max(w.said.Cost, 0)}
		case w.said.Window == w.known.Window:
			w.known.Cost = max(w.known.Cost, w.said.Cost)
		}
	}
	return *known != before
}
