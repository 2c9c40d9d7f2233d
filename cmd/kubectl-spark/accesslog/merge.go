// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package accesslog

import (
	"context"
	"slices"
	"time"
)

// Source gives the lines of one pod, in order; it is closed at their end.
type Source <-chan *Line

// Merge gives each the lines of all sources in the order of their times, until all end, each gives an error, or the context ends,
// whose error it gives. Where patience is above zero, a source that gives nothing for that long is not waited for, as one that is
// followed may have nothing to say: a line that then comes late comes out of order.
func Merge(ctx context.Context, sources []Source, patience time.Duration, each func(*Line) error) error {
	heads := make([]*Line, len(sources))
	open := make([]bool, len(sources))
	for i := range open {
		open[i] = true
	}
	for {
		if err := fill(ctx, sources, heads, open, patience); err != nil {
			return err
		}
		first := -1
		for i, l := range heads {
			if l != nil && (first < 0 || l.Time.Before(heads[first].Time)) {
				first = i
			}
		}
		switch {
		case first >= 0:
			l := heads[first]
			heads[first] = nil
			if err := each(l); err != nil {
				return err
			}
		case !slices.Contains(open, true):
			return nil
		}
	}
}

// fill waits until every open source has a head, or patience ends.
func fill(ctx context.Context, sources []Source, heads []*Line, open []bool, patience time.Duration) error {
	var enough <-chan time.Time
	for i := range sources {
		if heads[i] != nil || !open[i] {
			continue
		}
		// What is there already is taken without a timer.
		select {
		case l, ok := <-sources[i]:
			heads[i], open[i] = l, ok
			continue
		default:
		}
		if patience > 0 && enough == nil {
			timer := time.NewTimer(patience)
			defer timer.Stop()
			enough = timer.C
		}
		select {
		case l, ok := <-sources[i]:
			heads[i], open[i] = l, ok
		case <-ctx.Done():
			return ctx.Err()
		case <-enough:
			// The others are asked without waiting from here on.
			done := make(chan time.Time)
			close(done)
			enough = done
		}
	}
	return ctx.Err()
}
