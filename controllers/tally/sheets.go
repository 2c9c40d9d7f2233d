// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package tally

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/sparkgateway/spark/gateway/config"
)

const (
	// minSheets and maxSheets bound on how many sheets a Tally is written, powers of two.
	minSheets = 16
	maxSheets = 256
	// sheetParts is how many parts a sheet holds on average before there are twice as many sheets: some 30 bytes each when
	// compressed, far below the 1 MiB of a ConfigMap.
	sheetParts = 8000
	// maxSheet bounds a sheet when it is read.
	maxSheet = 64 << 20
	// format of a sheet.
	format = 1
)

// sheets tells which of a Tally's sheets have to be written. Each holder is on one of them, by a hash of its name, with all
// that is known of it: any set of sheets, however old each is, is a state that the Tally can go on from.
type sheets struct {
	count int
	// parts is how many there are on all of them.
	parts int
	dirty [maxSheets]bool
	// version rises with every writing, so that of a holder that is on two sheets the newer is told.
	version int64
}

func newSheets() sheets { return sheets{count: minSheets} }

func (s *sheets) of(h *holder) int { return int(h.hash) & (s.count - 1) }

func (s *sheets) touch(h *holder) { s.dirty[s.of(h)] = true }

// fit makes the sheets so many that each stays small.
func (s *sheets) fit() {
	for s.parts > sheetParts*s.count && s.count < maxSheets {
		for i := range s.count {
			s.dirty[i+s.count] = true
			s.dirty[i] = true
		}
		s.count *= 2
	}
}

// sheet is the written form.
type sheet struct {
	Format  int   `json:"format"`
	Version int64 `json:"version"`
	// Processes are those that are told of, each with its pod's UID.
	Processes []writtenProcess `json:"processes,omitempty"`
	Holders   []writtenHolder  `json:"holders,omitempty"`
}

type writtenProcess struct {
	Instance string `json:"instance"`
	Pod      string `json:"pod"`
}

// writtenHolder has a row for each process: its index in Processes and two, or 0 for all that have gone and 1 for the store;
// requests, tokens, cost; window and cost of day, week and month; last use.
type writtenHolder struct {
	Name string      `json:"n"`
	Rows [][11]int64 `json:"u"`
}

// ofGone and ofStore are the indexes of those that are no single process.
const (
	ofGone = iota
	ofStore
	firstProcess
)

// Sheet is one sheet as it is to be kept.
type Sheet struct {
	// Number is below 256.
	Number int
	// Content is compressed.
	Content []byte
}

// Dirty gives the numbers of the sheets that changed since they were written, the highest first, so that after there are
// more of them none lacks a holder that another has dropped.
func (t *Tally) Dirty() []int {
	t.mu.Lock()
	defer t.mu.Unlock()
	var numbers []int
	for i := range slices.Backward(t.sheets.dirty[:]) {
		if t.sheets.dirty[i] {
			numbers = append(numbers, i)
		}
	}
	return numbers
}

// Write gives the sheets of these numbers, which count as written. What cannot be kept is given back by Rewrite.
func (t *Tally) Write(numbers []int) ([]Sheet, error) {
	forms := t.forms(numbers)
	var out []Sheet
	for i, number := range numbers {
		content, err := compress(forms[i])
		if err != nil {
			t.Rewrite(numbers...)
			return nil, err
		}
		out = append(out, Sheet{Number: number, Content: content})
	}
	return out, nil
}

// Rewrite has sheets written again.
func (t *Tally) Rewrite(numbers ...int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, number := range numbers {
		t.sheets.dirty[number] = true
	}
}

// forms copies what is to be written.
func (t *Tally) forms(numbers []int) []*sheet {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sheets.version++
	forms := make([]*sheet, len(numbers))
	at := map[int]int{}
	indexes := make([]map[*process]int64, len(numbers))
	for i, number := range numbers {
		forms[i] = &sheet{Format: format, Version: t.sheets.version}
		at[number] = i
		indexes[i] = map[*process]int64{t.gone: ofGone, t.store: ofStore}
		t.sheets.dirty[number] = false
	}
	for _, h := range t.holders {
		i, wanted := at[t.sheets.of(h)]
		if !wanted {
			continue
		}
		written := writtenHolder{Name: h.name, Rows: make([][11]int64, 0, len(h.parts))}
		for _, p := range h.parts {
			index, known := indexes[i][p.by]
			if !known {
				index = int64(len(forms[i].Processes)) + firstProcess
				indexes[i][p.by] = index
				forms[i].Processes = append(forms[i].Processes, writtenProcess{p.by.instance, p.by.pod})
			}
			written.Rows = append(written.Rows, row(index, &p.use))
		}
		forms[i].Holders = append(forms[i].Holders, written)
	}
	return forms
}

func row(index int64, u *config.HolderUse) [11]int64 {
	return [11]int64{index, u.Requests, u.Tokens, int64(u.Cost), u.Day.Window, int64(u.Day.Cost), u.Week.Window, int64(u.Week.Cost),
		u.Month.Window, int64(u.Month.Cost), u.Last}
}

func fromRow(name string, r [11]int64) config.HolderUse {
	window := func(i int) config.WindowUse { return config.WindowUse{Window: r[i], Cost: config.Money(r[i+1])} }
	return config.HolderUse{Holder: name, Requests: r[1], Tokens: r[2], Cost: config.Money(r[3]),
		Day: window(4), Week: window(6), Month: window(8), Last: r[10]}
}

// Restore takes up the sheets that were kept, before anything else is done with the Tally. A sheet that cannot be read is an
// error: whoever goes on without it forgets what was spent.
func (t *Tally) Restore(kept []Sheet) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	read := make([]*sheet, 0, len(kept))
	for _, k := range kept {
		form, err := decompress(k.Content)
		if err != nil {
			return fmt.Errorf("sheet %d: %w", k.Number, err)
		}
		for k.Number >= t.sheets.count && t.sheets.count < maxSheets {
			t.sheets.count *= 2
		}
		t.sheets.version = max(t.sheets.version, form.Version)
		read = append(read, form)
	}
	// The newest first: what an older one has of the same holder was dropped there or was never written.
	slices.SortStableFunc(read, func(a, b *sheet) int { return cmp.Compare(b.Version, a.Version) })
	for _, form := range read {
		if err := t.takeUp(form); err != nil {
			return err
		}
	}
	t.sheets.fit()
	return nil
}

func (t *Tally) takeUp(form *sheet) error {
	for _, written := range form.Holders {
		if t.holders[written.Name] != nil {
			continue
		}
		h := t.holder(written.Name)
		if h == nil {
			continue
		}
		for _, r := range written.Rows {
			by, err := t.writer(form, r[0])
			if err != nil {
				return err
			}
			into := t.partOf(h, by)
			use := fromRow(h.name, r)
			into.use.Add(&use)
			t.change++
			into.changed, h.changed = t.change, t.change
		}
		t.link(h)
	}
	return nil
}

// writer gives the process of a row.
func (t *Tally) writer(form *sheet, index int64) (*process, error) {
	switch {
	case index == ofGone:
		return t.gone, nil
	case index == ofStore:
		return t.store, nil
	case index < 0 || index-firstProcess >= int64(len(form.Processes)):
		return nil, errors.New("a row is of no process")
	}
	written := form.Processes[index-firstProcess]
	p := t.processes[written.Instance]
	if p == nil {
		p = &process{instance: written.Instance, pod: written.Pod}
		t.processes[written.Instance] = p
	}
	return p, nil
}

// compressors are kept, as each is of a megabyte.
var compressors = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

func compress(form *sheet) ([]byte, error) {
	var out bytes.Buffer
	z, _ := compressors.Get().(*gzip.Writer)
	defer compressors.Put(z)
	z.Reset(&out)
	if err := json.NewEncoder(z).Encode(form); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func decompress(content []byte) (*sheet, error) {
	z, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(z, maxSheet))
	if err != nil {
		return nil, err
	}
	form := &sheet{}
	if err := json.Unmarshal(raw, form); err != nil {
		return nil, err
	}
	if form.Format != format {
		return nil, fmt.Errorf("its format %d is another release's", form.Format)
	}
	return form, nil
}
