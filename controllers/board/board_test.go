// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package board_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/controllers/board"
	"github.com/sparkgateway/spark/controllers/status"
)

func named(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: "team", Name: name}
}

// report gives a report in which every provider and key has the content given by its name.
func report(providers, keys map[string]string) status.Report {
	attachments := func(contents map[string]string) map[types.NamespacedName]status.Attachment {
		out := map[types.NamespacedName]status.Attachment{}
		for name, content := range contents {
			out[named(name)] = status.Attachment{Live: content}
		}
		return out
	}
	return status.Report{Providers: attachments(providers), Keys: attachments(keys)}
}

// ears keep what a board tells.
type ears struct{ providers, keys []string }

func (e *ears) board() *board.Board {
	return board.New(
		func(n types.NamespacedName) { e.providers = append(e.providers, n.Name) },
		func(n types.NamespacedName) { e.keys = append(e.keys, n.Name) })
}

func (e *ears) want(t *testing.T, providers, keys []string) {
	t.Helper()
	slices.Sort(e.providers)
	slices.Sort(e.keys)
	if diff := cmp.Diff(ears{providers, keys}, *e, cmp.AllowUnexported(ears{})); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	*e = ears{}
}

func TestABoardTellsWhatIsNew(t *testing.T) {
	e := &ears{}
	b := e.board()
	main, other := named("main"), named("other")
	if got := b.Report(main); got.Providers != nil || got.Keys != nil {
		t.Errorf("before the first report: %+v", got)
	}
	b.Publish(main, report(map[string]string{"p1": "a", "p2": "a"}, map[string]string{"k1": "a"}))
	e.want(t, []string{"p1", "p2"}, []string{"k1"})
	b.Publish(main, report(map[string]string{"p1": "a", "p2": "a"}, map[string]string{"k1": "a"}))
	e.want(t, nil, nil)
	b.Publish(main, report(map[string]string{"p1": "b", "p2": "a"}, map[string]string{"k1": "a", "k2": "a"}))
	e.want(t, []string{"p1"}, []string{"k2"})
	b.Publish(main, report(map[string]string{"p2": "a"}, map[string]string{"k1": "a", "k2": "a"}))
	e.want(t, []string{"p1"}, nil)
	b.Publish(other, report(map[string]string{"p2": "a"}, nil))
	e.want(t, []string{"p2"}, nil)
	if diff := cmp.Diff(report(map[string]string{"p2": "a"}, map[string]string{"k1": "a", "k2": "a"}), b.Report(main)); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	b.Drop(main)
	e.want(t, []string{"p2"}, []string{"k1", "k2"})
	if got := b.Report(main); got.Providers != nil {
		t.Errorf("after the drop: %+v", got)
	}
	if got := b.Report(other); len(got.Providers) != 1 {
		t.Errorf("the drop takes another gateway's report: %+v", got)
	}
	b.Drop(main)
	e.want(t, nil, nil)
}

// What is told may read the board, and so no lock may be held.
func TestABoardMayBeReadWhileItTells(t *testing.T) {
	var b *board.Board
	var seen []string
	var mu sync.Mutex
	look := func(n types.NamespacedName) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, b.Report(named("main")).Providers[n].Live)
	}
	b = board.New(look, look)
	b.Publish(named("main"), report(map[string]string{"p": "a"}, nil))
	b.Publish(named("main"), report(map[string]string{"p": "b"}, nil))
	if diff := cmp.Diff([]string{"a", "b"}, seen); diff != "" {
		t.Errorf("seen while told (-want +got):\n%s", diff)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				b.Publish(named("main"), report(map[string]string{"p": "c"}, nil))
				b.Drop(named("main"))
			}
		})
	}
	wg.Wait()
}
