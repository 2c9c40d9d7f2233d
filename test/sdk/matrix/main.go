// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Command matrix makes docs/dialects.md of what the tests of the SDKs wrote down. It fails where a cell is unknown, where
// SDKs disagree about one, and where nothing is refused that is expected to be.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/sparkgateway/spark/test/sdk/expected"
)

func main() {
	results := flag.String("results", "", "folder of the results, files of JSON lines")
	from := flag.String("expected", "expected.json", "what is expected")
	flag.Parse()
	if err := run(*from, *results, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		os.Exit(1)
	}
}

func run(from, folder string, w io.Writer) error {
	expect, err := expected.Read(from)
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.jsonl"))
	if err != nil {
		return err
	}
	found := results{}
	for _, file := range files {
		if err := found.read(file); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	page, err := render(expect, found)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, page)
	return err
}

// cell is a place of the matrix.
type cell struct{ dialect, feature, provider string }

// results are what each SDK found of a cell.
type results map[cell]map[string]string

func (r results) read(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var one expected.Result
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			return errors.Join(err, file.Close())
		}
		r.add(one)
	}
	return errors.Join(lines.Err(), file.Close())
}

func (r results) add(one expected.Result) {
	at := cell{one.Dialect, one.Feature, one.Provider}
	if r[at] == nil {
		r[at] = map[string]string{}
	}
	r[at][one.SDK] = one.Result
}

// of is what all SDKs of a dialect found of a cell.
func (r results) of(at cell, sdks []string) (string, error) {
	agreed := ""
	for _, sdk := range sdks {
		one := r[at][sdk]
		switch {
		case one != expected.Passed && one != expected.Refused:
			return "", fmt.Errorf("%s / %s / %s is unknown to %s", at.dialect, at.provider, at.feature, sdk)
		case agreed != "" && agreed != one:
			return "", fmt.Errorf("%s / %s / %s: the SDKs disagree", at.dialect, at.provider, at.feature)
		}
		agreed = one
	}
	return agreed, nil
}
