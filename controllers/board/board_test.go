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
func report(providers, keys map[string]string, pods ...status.PodName) status.Report {
	attachments := func(contents map[string]string) map[types.NamespacedName]status.Attachment {
		out := map[types.NamespacedName]status.Attachment{}
		for name, content := range contents {
			out[named(name)] = status.Attachment{Live: content}
		}
		return out
	}
	return status.Report{Pods: pods, Attachments: map[status.Kind]map[types.NamespacedName]status.Attachment{
		status.Providers: attachments(providers), status.Keys: attachments(keys)}}
}

// ears keep what a board tells.
type ears map[status.Kind][]string

func (e ears) board() *board.Board {
	return board.New(func(k status.Kind, n types.NamespacedName) { e[k] = append(e[k], n.Name) })
}

func (e ears) want(t *testing.T, providers, keys []string) {
	t.Helper()
	for kind, want := range map[status.Kind][]string{status.Providers: providers, status.Routes: nil, status.Keys: keys} {
		slices.Sort(e[kind])
		if diff := cmp.Diff(want, e[kind]); diff != "" {
			t.Errorf("told of kind %s (-want +got):\n%s", kind, diff)
		}
	}
	clear(e)
}

func TestABoardTellsWhatIsNew(t *testing.T) {
	e := ears{}
	b := e.board()
	main, other := named("main"), named("other")
	if got := b.Report(main); got.Attachments != nil {
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
	if got := b.Report(main); got.Attachments != nil {
		t.Errorf("after the drop: %+v", got)
	}
	if got := b.Report(other); len(got.Attachments[status.Providers]) != 1 {
		t.Errorf("the drop takes another gateway's report: %+v", got)
	}
	b.Drop(main)
	e.want(t, nil, nil)
}

// A provider's status is made of what pods say, so it matters which pods there are; to keys it does not.
func TestPodsThatComeAndGoAreNewsOfProviders(t *testing.T) {
	e := ears{}
	b := e.board()
	a, again := status.PodName{Name: "a", UID: "1"}, status.PodName{Name: "a", UID: "2"}
	with := func(pods ...status.PodName) status.Report {
		return report(map[string]string{"p1": "x", "p2": "x"}, map[string]string{"k": "x"}, pods...)
	}
	b.Publish(named("main"), with(a))
	clear(e)
	b.Publish(named("main"), with(a))
	e.want(t, nil, nil)
	b.Publish(named("main"), with(again))
	e.want(t, []string{"p1", "p2"}, nil)
	b.Publish(named("main"), with())
	e.want(t, []string{"p1", "p2"}, nil)
}

func TestABoardTellsOfAKindAgain(t *testing.T) {
	e := ears{}
	b := e.board()
	b.Again(named("main"), status.Providers)
	e.want(t, nil, nil)
	b.Publish(named("main"), report(map[string]string{"p1": "a", "p2": "a"}, map[string]string{"k1": "a"}))
	clear(e)
	b.Again(named("main"), status.Providers)
	e.want(t, []string{"p1", "p2"}, nil)
	b.Again(named("main"), status.Keys)
	e.want(t, nil, []string{"k1"})
	b.Again(named("other"), status.Keys)
	e.want(t, nil, nil)
}

// What is told may read the board, and so no lock may be held.
func TestABoardMayBeReadWhileItTells(t *testing.T) {
	var b *board.Board
	var seen []string
	var mu sync.Mutex
	look := func(k status.Kind, n types.NamespacedName) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, b.Report(named("main")).Attachments[k][n].Live)
	}
	b = board.New(look)
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
