// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sparkgateway/spark/gateway/config"
)

func (f *failing) print(reports []config.ErrorReport, pods []string, now time.Time, stdout io.Writer) error {
	told := f.choose(reports, pods, now)
	if f.output == "json" {
		text, err := json.MarshalIndent(told, "", "  ")
		if err != nil {
			return err
		}
		_, err = stdout.Write(append(text, '\n'))
		return err
	}
	_, err := io.WriteString(stdout, told.table(f, now))
	return err
}

// The widest reason and target of a table, whose lines are of pageWidth. A sample has at least leastSample.
const (
	maxReason   = 24
	maxTarget   = 24
	leastSample = 12
)

func (f failures) table(asked *failing, now time.Time) string {
	if len(f.Groups) == 0 {
		return f.none(asked)
	}
	rows := [][]string{{"LAST", "COUNT", "LEVEL", "STATUS", "REASON", "PROVIDER/MODEL", "SAMPLE"}}
	for i := range f.Groups {
		g := &f.Groups[i]
		status := "-"
		if g.Status != 0 {
			status = strconv.Itoa(g.Status)
		}
		rows = append(rows, []string{
			age(now.Sub(g.Last)), strconv.FormatInt(g.Count, 10), plain(g.Level), status, cut(plain(g.Reason), maxReason),
			cut(cmp.Or(plain(strings.Trim(g.Provider+"/"+g.Model, "/")), "-"), maxTarget), plain(g.Sample),
		})
	}
	text := columns(rows)
	if f.More > 0 {
		text += fmt.Sprintf("%s more; --limit 0 shows all.\n", plural(int64(f.More), "group"))
	}
	if f.Dropped > 0 {
		text += plural(f.Dropped, "group") + " had to be forgotten to make room for others (spec.telemetry.errorTracking.maxGroups).\n"
	}
	return text
}

func (f failures) none(asked *failing) string {
	what := map[string]string{config.LevelError: "errors", config.LevelWarning: "warnings", anyLevel: "errors or warnings"}[asked.level]
	from := f.Since.UTC().Format(time.RFC3339)
	if asked.since > 0 {
		from = "the last " + brief(config.Duration(asked.since))
		return "No " + what + " in " + from + ".\n"
	}
	return "No " + what + " since " + from + ".\n"
}

// columns writes a table to the left but for its second column, which are numbers. The last is as wide as there is room.
func columns(rows [][]string) string {
	last := len(rows[0]) - 1
	widths, room := make([]int, last), pageWidth
	for i := range widths {
		for _, row := range rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
		room -= widths[i] + 2
	}
	var out strings.Builder
	for _, row := range rows {
		line := ""
		for i, width := range widths {
			if i == 1 {
				line += fmt.Sprintf("%*s  ", width, row[i])
			} else {
				line += fmt.Sprintf("%-*s  ", width, row[i])
			}
		}
		out.WriteString(strings.TrimRight(line+cut(row[last], max(room, leastSample)), " ") + "\n")
	}
	return out.String()
}

// cut leaves so many characters of a text.
func cut(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-3]) + "..."
}

// age is how long ago something was, in the largest unit that it has one of.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(max(d, 0).Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}

const (
	// errorsEndpoint is where a gateway tells its errors to master keys.
	errorsEndpoint = "/api/spark/errors"
	// errorsTimeout bounds the question, maxErrors the answer.
	errorsTimeout = 30 * time.Second
	maxErrors     = 16 << 20
)

// errorsAt asks a gateway by its address. Errors do not hold the key.
func errorsAt(ctx context.Context, address, key string) (report config.ErrorReport, err error) {
	at, err := url.Parse(address)
	if err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "" {
		return report, errors.New("--url: write https://host")
	}
	ctx, cancel := context.WithTimeout(ctx, errorsTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.JoinPath(errorsEndpoint).String(), nil)
	if err != nil {
		return report, errors.New("--url: write https://host")
	}
	request.Header.Set("Authorization", "Bearer "+key)
	// The key is for the address that was given, and for no other that a redirect names.
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return report, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxErrors))
	if err != nil {
		return report, err
	}
	if response.StatusCode == http.StatusOK {
		if json.Unmarshal(body, &report) != nil || report.Groups == nil {
			return report, errors.New("--url: its answer is no list of errors: is it a Spark gateway?")
		}
		return report, nil
	}
	var told struct {
		Error struct{ Message string }
	}
	if json.Unmarshal(body, &told) == nil && told.Error.Message != "" {
		return report, fmt.Errorf("the gateway answers with status %d: %s", response.StatusCode, cut(plain(told.Error.Message), 300))
	}
	return report, fmt.Errorf("--url: it answers with status %d: is it a Spark gateway?", response.StatusCode)
}
