// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"strconv"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// What is looked for in a line without reading all of it. A quotation mark within a text is escaped, so that these are found
// where a field begins and nowhere else.
const (
	timeMark    = `,"time":"`
	latencyMark = `,"latencyMs":`
)

// Ended is Record.Ended of a line of AppendJSON; false where the line is none.
func Ended(line []byte) (time.Time, bool) {
	if len(line) < 2 || line[0] != '{' || line[len(line)-1] != '}' {
		return time.Time{}, false
	}
	text, ok := behind(line, timeMark, '"')
	if !ok {
		return time.Time{}, false
	}
	began, err := time.Parse(config.TimeLayout, View(text))
	if err != nil {
		return time.Time{}, false
	}
	if text, ok = behind(line, latencyMark, ','); !ok {
		return time.Time{}, false
	}
	ms, err := strconv.ParseInt(View(text), 10, 64)
	return began.Add(time.Duration(ms) * time.Millisecond), err == nil
}

// behind gives what stands between a mark and an end.
func behind(line []byte, mark string, end byte) ([]byte, bool) {
	i := bytes.Index(line, []byte(mark))
	if i < 0 {
		return nil, false
	}
	line = line[i+len(mark):]
	n := bytes.IndexByte(line, end)
	return line[:max(n, 0)], n >= 0
}

// Filter finds lines by the value of one text. The zero value matches all lines.
type Filter struct{ field []byte }

// ByPrincipal matches records of one principal, by its name as a holder.
func ByPrincipal(holder string) Filter { return filter(`,"principal":`, holder) }

// ByKey matches records of one APIKey, by its "namespace/name".
func ByKey(id string) Filter { return filter(`,"key":`, id) }

// ByUser matches records of one user.
func ByUser(user string) Filter { return filter(`,"user":`, user) }

func filter(name, value string) Filter { return Filter{appendText([]byte(name), value)} }

// Match says whether a line of AppendJSON has the value.
func (f Filter) Match(line []byte) bool { return bytes.Contains(line, f.field) }
