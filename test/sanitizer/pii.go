// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/sparkgateway/spark/gateway/sanitize/pii"
)

// entity is a label of a row: characters, not bytes, from Start to End.
type entity struct {
	Type  string `json:"type"`
	Value string `json:"value"`
	Start int    `json:"start"`
	End   int    `json:"end"`
}

type piiRow struct {
	Text     string   `json:"text"`
	Entities []entity `json:"entities"`
	Source   string   `json:"source"`
	Kind     string   `json:"kind"`
	Label    string   `json:"label"`
}

// labelled are the types of labels that count as misses when they are not found.
var labelled = map[string]pii.Kind{
	"EMAIL": pii.Email, "PHONE": pii.Phone, "CREDIT_CARD": pii.CreditCard, "IBAN": pii.IBAN, "SSN": pii.SSN,
	"IP": pii.IPAddress, "API_KEY": pii.APIKey,
}

// allowed are the types that are right to find and no miss otherwise: a password is replaced as a key is, a taxpayer
// number as a social security number.
var allowed = map[string]pii.Kind{"PASSWORD": pii.APIKey, "ITIN": pii.SSN}

// tally is what was counted of one kind.
type tally struct {
	labels, hit, exact, findings, right int
}

// evalPII measures gateway/sanitize/pii on pii.jsonl of the directory, and counts what it finds in the benign rows of
// prompts.jsonl, which have no labels. With MISSES in the environment every miss and false finding is printed as well.
func evalPII(w io.Writer, dir string) error {
	rows, err := readRows(filepath.Join(dir, "pii.jsonl"))
	if err != nil {
		return err
	}
	misses := io.Discard
	if os.Getenv("MISSES") != "" {
		misses = w
	}
	var of [7]tally
	for i := range rows {
		count(&rows[i], &of, misses)
	}
	fmt.Fprintf(w, "PII and secrets, %d rows. A finding is right when a label of its kind overlaps it; exact: the same bytes.\n", len(rows))
	fmt.Fprintln(w, "Precision is over all findings in all rows. PASSWORD (as APIKey) and ITIN (as SSN) are right to find, and no miss;")
	fmt.Fprintln(w, "MAC, CRYPTO and other labels are no kind: a finding there is false.")
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "kind\tlabels\trecall\texact recall\tfindings\tprecision\t")
	for k := range of {
		c := &of[k]
		fmt.Fprintf(t, "%v\t%d\t%.3f\t%.3f\t%d\t%.3f\t\n", pii.Kind(k), c.labels, share(c.hit, c.labels), share(c.exact, c.labels),
			c.findings, share(c.right, c.findings))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return benignFindings(w, dir, misses)
}

func share(n, of int) float64 {
	if of == 0 {
		return 1
	}
	return float64(n) / float64(of)
}

func readRows(path string) ([]piiRow, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var rows []piiRow
	d := json.NewDecoder(bufio.NewReader(f))
	for {
		var r piiRow
		if err := d.Decode(&r); errors.Is(err, io.EOF) {
			return rows, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s, row %d: %w", filepath.Base(path), len(rows)+1, err)
		}
		rows = append(rows, r)
	}
}

// byteOffsets gives for each character of the text where it begins, and the text's length.
func byteOffsets(text string) []int {
	offsets := make([]int, 0, len(text)+1)
	for i := range text {
		offsets = append(offsets, i)
	}
	return append(offsets, len(text))
}

func count(r *piiRow, of *[7]tally, misses io.Writer) {
	offsets := byteOffsets(r.Text)
	spans := pii.Find(nil, []byte(r.Text), pii.All)
	right := make([]bool, len(spans))
	for _, e := range r.Entities {
		kind, counts := labelled[e.Type]
		if other, ok := allowed[e.Type]; ok {
			kind = other
		} else if !counts {
			continue
		}
		start, end := offsets[min(e.Start, len(offsets)-1)], offsets[min(e.End, len(offsets)-1)]
		hit, exact := false, false
		for i, s := range spans {
			if s.Kind == kind && s.Start < end && s.End > start {
				hit, right[i] = true, true
				exact = exact || s.Start == start && s.End == end
			}
		}
		if !counts {
			continue
		}
		c := &of[kind]
		c.labels++
		if hit {
			c.hit++
		} else {
			fmt.Fprintf(misses, "miss\t%s\t%q in %q (%s)\n", e.Type, e.Value, around(r.Text, start, end), r.Kind)
		}
		if exact {
			c.exact++
		} else if hit {
			fmt.Fprintf(misses, "inexact\t%s\t%q in %q\n", e.Type, e.Value, around(r.Text, start, end))
		}
	}
	for i, s := range spans {
		c := &of[s.Kind]
		c.findings++
		if right[i] {
			c.right++
		} else {
			fmt.Fprintf(misses, "false\t%v\t%q in %q (%s)\n", s.Kind, r.Text[s.Start:s.End], around(r.Text, s.Start, s.End), r.Kind)
		}
	}
}

// around gives a piece of the text and what stands beside it.
func around(text string, start, end int) string {
	const beside = 48
	return text[max(0, start-beside):min(len(text), end+beside/2)]
}

// benignFindings counts what is found in benign prompts. They have no labels: some of the findings are right.
func benignFindings(w io.Writer, dir string, misses io.Writer) error {
	rows, err := readRows(filepath.Join(dir, "prompts.jsonl"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	var found pii.Counts
	n, with, size := 0, 0, 0
	for i := range rows {
		r := &rows[i]
		if r.Label != "benign" {
			continue
		}
		n++
		size += len(r.Text)
		spans := pii.Find(nil, []byte(r.Text), pii.All)
		if len(spans) > 0 {
			with++
		}
		for _, s := range spans {
			found[s.Kind]++
			fmt.Fprintf(misses, "benign\t%v\t%q in %q (%s)\n", s.Kind, r.Text[s.Start:s.End], around(r.Text, s.Start, s.End), r.Kind)
		}
	}
	fmt.Fprintf(w, "In %d benign prompts (%d KB), without labels: findings in %d of them", n, size>>10, with)
	for k, c := range found {
		fmt.Fprintf(w, ", %v %d", pii.Kind(k), c)
	}
	fmt.Fprintln(w)
	return nil
}
