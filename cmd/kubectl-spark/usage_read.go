// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sparkgateway/spark/api/manifest"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/live"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/usage"
)

// tally is a Book with what could not be read of its records.
type tally struct {
	*usage.Book
	good, wrong int
	first       error // that went wrong
}

// add takes a line from somewhere.
func (r *tally) add(line []byte, from string) {
	err := r.Add(line)
	if err == nil {
		r.good++
		return
	}
	if r.wrong++; r.first != nil {
		return
	}
	const most = 200
	text := []rune(screen.Printable(err.Error()))
	if len(text) > most {
		text = append(text[:most], []rune("...")...)
	}
	r.first = fmt.Errorf("%s: %s", from, string(text))
}

// files reads exports.
func (a accounting) files(stdin io.Reader, r *tally) error {
	for _, path := range a.paths {
		number := 0
		each := func(line []byte) error {
			number++
			r.add(line, fmt.Sprintf("-f %s, record %d", path, number))
			return nil
		}
		from := io.NopCloser(stdin)
		if path != manifest.Stdin {
			file, err := os.Open(path)
			if err != nil {
				return err
			}
			from = file
		}
		err := live.Lines(from, each)
		if err := errors.Join(err, from.Close()); err != nil {
			return fmt.Errorf("-f %s: %w", path, err)
		}
	}
	return nil
}

// live asks the pods. Those that cannot tell theirs are told on stderr.
func (a accounting) live(ctx context.Context, from, to time.Time, r *tally, stderr io.Writer) error {
	cluster, err := a.connect()
	if err != nil {
		return err
	}
	number := 0
	silent, err := cluster.Records(ctx, a.gateway, from, to, func(line []byte) error {
		number++
		r.add(line, fmt.Sprintf("record %d of SparkGateway %s", number, a.gateway))
		return nil
	})
	if err != nil {
		return err
	}
	for _, why := range silent {
		if _, err := fmt.Fprintln(stderr, "warning: without the records of", why); err != nil {
			return err
		}
	}
	return nil
}
