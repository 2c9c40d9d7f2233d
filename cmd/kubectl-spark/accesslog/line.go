// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package accesslog reads the access lines of several pods as one log.
package accesslog

import (
	"bytes"
	"encoding/json"
	"path"
	"time"
)

// Line is an access line, as far as people look at it. What it does not say is empty.
type Line struct {
	Time       time.Time `json:"time"`
	ID         string    `json:"id"`
	Key        string    `json:"key"`
	User       string    `json:"user"`
	Method     string    `json:"method"`
	Path       string    `json:"path"`
	Model      string    `json:"model"`
	Provider   string    `json:"provider"`
	Status     int       `json:"status"`
	Outcome    string    `json:"outcome"`
	Reason     string    `json:"reason"`
	DurationMs float64   `json:"durationMs"`
	TTFTMs     float64   `json:"ttftMs"`
	Error      string    `json:"error"`
	Usage      struct {
		Total int64 `json:"total"`
	} `json:"usage"`
	// Pod wrote it, in the bytes of Raw.
	Pod string `json:"-"`
	Raw []byte `json:"-"`
}

// Parse reads a line; false where it is none of an access log but one of the process's own.
func Parse(pod string, raw []byte) (*Line, bool) {
	raw = bytes.TrimSpace(raw)
	if !bytes.HasPrefix(raw, []byte(`{"time":"`)) {
		return nil, false
	}
	l := &Line{Pod: pod}
	if json.Unmarshal(raw, l) != nil || l.ID == "" || l.Outcome == "" || l.Time.IsZero() {
		return nil, false
	}
	l.Raw = bytes.Clone(raw)
	return l, true
}

// Filter chooses lines. What is empty chooses all; in a text "*" stands for any characters but "/".
type Filter struct{ Key, Model, Outcome, ID string }

// Check says whether a pattern is none.
func (f *Filter) Check() error {
	for _, p := range []string{f.Key, f.Model, f.Outcome, f.ID} {
		if _, err := path.Match(p, ""); err != nil {
			return err
		}
	}
	return nil
}

// Match says whether a line is chosen. A key may be given with its namespace or without.
func (f *Filter) Match(l *Line) bool {
	return matches(f.Model, l.Model) && matches(f.Outcome, l.Outcome) && matches(f.ID, l.ID) &&
		(matches(f.Key, l.Key) || matches(f.Key, path.Base(l.Key)) && l.Key != "")
}

func matches(pattern, text string) bool {
	if pattern == "" {
		return true
	}
	ok, err := path.Match(pattern, text)
	return ok && err == nil
}
