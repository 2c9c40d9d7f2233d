// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package breaker

import "github.com/sparkgateway/spark/gateway/config"

// buckets is how many parts a window has: it forgets a tenth of itself at a time.
const buckets = 10

// bucketWidth gives the width of a bucket in nanoseconds.
func bucketWidth(d config.Duration) int64 { return max(int64(d)/buckets, 1) }

type tally struct{ all, failed int64 }

// window counts the results of the last ten buckets, of which the newest is not yet over.
type window struct {
	width int64
	head  int64 // the newest bucket's number: its time divided by width
	ring  [buckets]tally
	sum   tally // of the ring
}

// add counts a result. One that comes from a clock that is behind counts as the newest does.
func (w *window) add(now int64, failed bool) {
	w.advance(now / w.width)
	one := tally{all: 1}
	if failed {
		one.failed = 1
	}
	w.put(w.head, one)
}

// advance forgets what is older than the ten buckets up to head.
func (w *window) advance(head int64) {
	switch {
	case w.sum.all == 0:
		w.head = head
	case head >= w.head+buckets:
		w.clear()
		w.head = head
	default:
		for w.head < head {
			w.head++
			gone := w.at(w.head)
			w.sum.all -= gone.all
			w.sum.failed -= gone.failed
			*gone = tally{}
		}
	}
}

func (w *window) put(number int64, t tally) {
	found := w.at(number)
	found.all += t.all
	found.failed += t.failed
	w.sum.all += t.all
	w.sum.failed += t.failed
}

// at gives the bucket of a number, which may be negative when the caller's epoch lies ahead.
func (w *window) at(number int64) *tally { return &w.ring[(number%buckets+buckets)%buckets] }

func (w *window) clear() { *w = window{width: w.width} }

// resize goes on with buckets of another width. All that a bucket holds counts as of the bucket's begin.
func (w *window) resize(width int64) {
	if width == w.width {
		return
	}
	old := *w
	*w = window{width: width, head: old.head * old.width / width}
	for number := old.head; number > old.head-buckets; number-- {
		if as := number * old.width / width; as > w.head-buckets {
			w.put(as, *old.at(number))
		}
	}
}
