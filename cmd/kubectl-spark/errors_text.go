// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
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

	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
	"github.com/sparkgateway/spark/gateway/config"
)

func (f *failing) print(reports []config.ErrorReport, pods []string, now time.Time, to screen.Screen) error {
	told := f.choose(reports, pods, now)
	if ok, err := to.Show(f.output, told); ok {
		return err
	}
	_, err := io.WriteString(to, told.table(f, now, to))
	return err
}

func (f failures) table(asked *failing, now time.Time, to screen.Screen) string {
	if len(f.Groups) == 0 {
		return f.none(asked)
	}
	// The reason is what one looks up: the longest that there is has room. Which provider and model it was matters more than a sample, whose beginning is
	// enough to know it.
	table := screen.Table{Columns: []screen.Column{
		{Title: "LAST"}, {Title: "COUNT", Right: true}, {Title: "LEVEL", Tone: levelTone}, {Title: "STATUS"}, {Title: "REASON", Least: 27},
		{Title: "PROVIDER/MODEL", Name: true, Least: 26}, {Title: "SAMPLE", Least: 12},
	}}
	for i := range f.Groups {
		g := &f.Groups[i]
		status := ""
		if g.Status != 0 {
			status = strconv.Itoa(g.Status)
		}
		table.Add(screen.Age(now.Sub(g.Last)), strconv.FormatInt(g.Count, 10), g.Level, status, g.Reason,
			strings.Trim(g.Provider+"/"+g.Model, "/"), g.Sample)
	}
	text := table.Text(to)
	if f.More > 0 {
		text += fmt.Sprintf("%s more; --limit 0 shows all.\n", screen.Plural(int64(f.More), "group"))
	}
	if f.Dropped > 0 {
		text += screen.Plural(f.Dropped, "group") + " had to be forgotten to make room for others (spec.telemetry.errorTracking.maxGroups).\n"
	}
	return text
}

func levelTone(level string) screen.Tone {
	if level == config.LevelError {
		return screen.Bad
	}
	return screen.Doubtful
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
		return report, fmt.Errorf("the gateway answers with status %d: %s", response.StatusCode, screen.Cut(screen.Plain(told.Error.Message), 300))
	}
	return report, fmt.Errorf("--url: it answers with status %d: is it a Spark gateway?", response.StatusCode)
}
