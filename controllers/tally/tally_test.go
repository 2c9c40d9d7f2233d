// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package tally

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/gateway/config"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// used gives what a holder used on the day of noon.
func used(holder string, requests int64) config.HolderUse {
	cost := config.Money(requests * 10)
	return config.HolderUse{Holder: holder, Requests: requests, Tokens: requests * 100, Cost: cost,
		Day:   config.WindowUse{Window: config.Day.Window(noon), Cost: cost},
		Week:  config.WindowUse{Window: config.Week.Window(noon), Cost: cost},
		Month: config.WindowUse{Window: config.Month.Window(noon), Cost: cost},
		Last:  noon.UnixMilli()}
}

// tell has a process tell what it counted, and gives what it was told and what grew.
func tell(t *testing.T, tally *Tally, pod, instance string, uses ...config.HolderUse) (elsewhere []config.HolderUse, grown []string) {
	t.Helper()
	call, hear := tally.Ask(pod, instance, noon)
	grown, ok := hear(&config.UsageAnswer{Instance: instance, Cursor: call.After + 1, Holders: uses})
	if !ok {
		t.Fatalf("the answer of %s was not taken", instance)
	}
	return call.Elsewhere, grown
}

func wantUse(t *testing.T, tally *Tally, want config.HolderUse) {
	t.Helper()
	if diff := cmp.Diff(want, tally.Use(want.Holder)); diff != "" {
		t.Errorf("use of %s (-want +got):\n%s", want.Holder, diff)
	}
}

// opened gives a Tally whose pods are those named, each of which has told that it counted nothing.
func opened(t *testing.T, pods ...string) *Tally {
	t.Helper()
	tally := New(noon)
	tally.Pods(pods, len(pods), noon)
	for _, pod := range pods {
		tell(t, tally, pod, pod+"-1")
	}
	return tally
}

func TestWhatProcessesCountedIsAddedUp(t *testing.T) {
	tally := opened(t, "a", "b")
	if _, grown := tell(t, tally, "a", "a-1", used("key/t/x", 3)); !slices.Equal(grown, []string{"key/t/x"}) {
		t.Errorf("grown: %v", grown)
	}
	tell(t, tally, "b", "b-1", used("key/t/x", 4))
	wantUse(t, tally, used("key/t/x", 7))
	if _, grown := tell(t, tally, "a", "a-1", used("key/t/x", 3)); grown != nil {
		t.Errorf("what was heard twice grew: %v", grown)
	}
	tell(t, tally, "a", "a-1", used("key/t/x", 2))
	wantUse(t, tally, used("key/t/x", 7))
	wantUse(t, tally, config.HolderUse{Holder: "key/t/unknown"})
}

func TestWhatTheStoreKnowsIsNotAddedUp(t *testing.T) {
	tally := opened(t, "a", "b")
	for _, told := range []struct {
		pod      string
		requests int64
		want     int64
	}{{"a", 5, 5}, {"b", 4, 5}, {"b", 6, 6}} {
		_, hear := tally.Ask(told.pod, told.pod+"-1", noon)
		hear(&config.UsageAnswer{Instance: told.pod + "-1", Shared: true, Holders: []config.HolderUse{used("all", told.requests)}})
		wantUse(t, tally, used("all", told.want))
	}
	if call, _ := tally.Ask("a", "a-1", noon); call.Elsewhere != nil {
		t.Errorf("whoever has a store was told of others: %v", call.Elsewhere)
	}
}

func TestWhatWasCountedBeforeThereWasAStoreIsKept(t *testing.T) {
	tally := opened(t, "a")
	tell(t, tally, "a", "a-1", used("all", 5))
	_, hear := tally.Ask("a", "a-1", noon)
	hear(&config.UsageAnswer{Instance: "a-1", Shared: true, Holders: []config.HolderUse{used("all", 2)}})
	wantUse(t, tally, used("all", 7))
}

func TestEachIsToldWhatTheOthersCounted(t *testing.T) {
	tally := opened(t, "a", "b", "c")
	want := func(pod string, want ...config.HolderUse) {
		t.Helper()
		got, _ := tell(t, tally, pod, pod+"-1")
		if diff := cmp.Diff(want, got, equateEmpty); diff != "" {
			t.Errorf("%s was told (-want +got):\n%s", pod, diff)
		}
	}
	tell(t, tally, "a", "a-1", used("key/t/x", 3), used("all", 3))
	want("a")
	want("b", used("key/t/x", 3), used("all", 3))
	want("b")
	tell(t, tally, "b", "b-1", used("all", 2))
	want("a", used("all", 2))
	want("c", used("key/t/x", 3), used("all", 5))
}

var equateEmpty = cmp.FilterValues(func(a, b []config.HolderUse) bool { return len(a)+len(b) == 0 },
	cmp.Comparer(func(_, _ []config.HolderUse) bool { return true }))

func TestACallThatFailedIsMadeAgain(t *testing.T) {
	tally := opened(t, "a", "b")
	tell(t, tally, "a", "a-1", used("all", 3))
	tally.Ask("b", "b-1", noon)
	_, stranger := tally.Ask("b", "b-1", noon)
	if _, ok := stranger(&config.UsageAnswer{Instance: "b-2", Holders: []config.HolderUse{used("all", 9)}}); ok {
		t.Error("an answer of another process was taken")
	}
	got, _ := tell(t, tally, "b", "b-1")
	if diff := cmp.Diff([]config.HolderUse{used("all", 3)}, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	wantUse(t, tally, used("all", 3))
}

func TestReplicasAndCursorsAreTold(t *testing.T) {
	tally := opened(t, "a", "b")
	tally.Pods([]string{"a", "b", "c"}, 2, noon)
	call, _ := tally.Ask("a", "a-1", noon)
	if diff := cmp.Diff(config.UsageCall{Instance: "a-1", Replicas: 2, After: 1}, call, equateEmpty); diff != "" {
		t.Errorf("call (-want +got):\n%s", diff)
	}
	tally.Pods(nil, 0, noon)
	if call, _ := tally.Ask("a", "a-2", noon); call.Replicas != 1 || call.After != 0 {
		t.Errorf("a new process alone is called with %+v", call)
	}
}

func TestOneCallTellsOfABoundedNumberOfHolders(t *testing.T) {
	tally := opened(t, "a", "b")
	var all []config.HolderUse
	for i := range config.MaxHolders + 1200 {
		all = append(all, used(fmt.Sprint("key/t/", i), 1))
	}
	tell(t, tally, "a", "a-1", all...)
	tell(t, tally, "a", "a-1", all[config.MaxHolders:]...)
	var got []config.HolderUse
	for want := range slices.Values([]int{config.MaxHolders, 1200, 0}) {
		told, _ := tell(t, tally, "b", "b-1")
		if len(told) != want {
			t.Errorf("told of %d holders, want %d", len(told), want)
		}
		got = append(got, told...)
	}
	if diff := cmp.Diff(all, got); diff != "" {
		t.Errorf("told in all (-want +got):\n%s", diff)
	}
}

func TestNothingIsToldBeforeThePodsAreHeard(t *testing.T) {
	first := opened(t, "a", "b")
	tell(t, first, "a", "a-1", used("all", 3))
	again := restarted(t, first)
	again.Pods([]string{"a", "b"}, 2, noon)
	if told, _ := tell(t, again, "b", "b-1"); told != nil || again.Settled(noon) {
		t.Errorf("told %v before a was heard", told)
	}
	tell(t, again, "a", "a-1", used("all", 4))
	told, _ := tell(t, again, "b", "b-1")
	if diff := cmp.Diff([]config.HolderUse{used("all", 4)}, told); diff != "" {
		t.Errorf("told once all were heard (-want +got):\n%s", diff)
	}

	halfway := restarted(t, first)
	halfway.Pods([]string{"a"}, 1, noon)
	_, hear := halfway.Ask("a", "a-1", noon)
	hear(&config.UsageAnswer{Instance: "a-1", More: true})
	if halfway.Settled(noon) {
		t.Error("a pod that has more to tell is called heard")
	}

	silent := restarted(t, first)
	silent.Pods([]string{"a", "b"}, 2, noon)
	call, _ := silent.Ask("b", "b-1", noon.Add(settleAfter))
	if diff := cmp.Diff([]config.HolderUse{used("all", 3)}, call.Elsewhere); diff != "" {
		t.Errorf("told when a was silent for long (-want +got):\n%s", diff)
	}
	if !silent.Settled(noon) || New(noon).Settled(noon.Add(time.Second)) {
		t.Error("a Tally is settled once it was, and not before there are pods")
	}
}

func TestProcessesThatAreGoneAreFoldedLate(t *testing.T) {
	tally := opened(t, "a", "b")
	tell(t, tally, "a", "a-1", used("all", 3))
	tell(t, tally, "b", "b-1", used("all", 4))
	tell(t, tally, "b", "b-2", used("all", 5))
	late := noon.Add(foldAfter)
	tally.Pods([]string{"b"}, 1, noon)
	tally.Pods([]string{"a", "b"}, 2, noon.Add(time.Minute)) // a was only overlooked
	if got := len(tally.processes); got != 3 {
		t.Errorf("%d processes are told apart within the minute, want 3", got)
	}
	tell(t, tally, "a", "a-1", used("all", 6))
	tally.Pods([]string{"a", "b"}, 2, late)
	if got := len(tally.processes); got != 2 {
		t.Errorf("%d processes are told apart, want 2", got)
	}
	wantUse(t, tally, used("all", 15))
	tell(t, tally, "a", "a-1", used("all", 7))
	wantUse(t, tally, used("all", 16))
	tally.Pods(nil, 0, late)
	tally.Pods(nil, 0, late.Add(foldAfter))
	if len(tally.processes)+len(tally.current) != 0 || tally.sheets.parts != 1 {
		t.Errorf("something is kept of those that are gone: %d processes, %d parts", len(tally.processes), tally.sheets.parts)
	}
	wantUse(t, tally, used("all", 16))
}

func TestWindowsAreThoseOfTheLatest(t *testing.T) {
	tally := opened(t, "a", "b")
	tell(t, tally, "a", "a-1", used("all", 3))
	tomorrow := used("all", 4)
	tomorrow.Day = config.WindowUse{Window: tomorrow.Day.Window + 1, Cost: 7}
	tell(t, tally, "b", "b-1", tomorrow)
	want := used("all", 7)
	want.Day = tomorrow.Day
	wantUse(t, tally, want)
	back := used("all", 5)
	tell(t, tally, "b", "b-1", back)
	want = used("all", 8)
	want.Day = tomorrow.Day
	wantUse(t, tally, want)
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	tally := opened(t, "a")
	long := make([]byte, maxName+1)
	_, grown := tell(t, tally, "a", "a-1", used("ip/192.0.2.1", 1), used("", 1), used(string(long), 1), config.HolderUse{Holder: "user/u", Requests: -1, Cost: -1})
	if grown != nil || tally.Use("user/u").Requests != 0 {
		t.Errorf("kept: %v", grown)
	}
	tell(t, tally, "a", "a-1", used("key/t/x", 1), used("key/t/y", 1), used("all", 1))
	tally.Sweep(func(u *config.HolderUse) bool { return u.Holder != "key/t/x" && u.Requests > 0 })
	wantUse(t, tally, config.HolderUse{Holder: "key/t/x"})
	wantUse(t, tally, used("key/t/y", 1))
	if len(tally.holders) != 2 || tally.sheets.parts != 2 {
		t.Errorf("%d holders and %d parts are left", len(tally.holders), tally.sheets.parts)
	}
}

func TestBooks(t *testing.T) {
	books := NewBooks(func() time.Time { return noon })
	name := types.NamespacedName{Namespace: "team", Name: "main"}
	if _, _, ok := books.Ask(name, "a", "a-1"); ok || books.Of(name) != nil {
		t.Error("a gateway that is not in the books is asked")
	}
	tally := New(noon)
	books.Open(name, tally)
	call, hear, ok := books.Ask(name, "a", "a-1")
	if !ok || call.Instance != "a-1" || books.Of(name) != tally {
		t.Errorf("call %+v, %t", call, ok)
	}
	if grown, ok := hear(&config.UsageAnswer{Instance: "a-1", Holders: []config.HolderUse{used("all", 1)}}); !ok || len(grown) != 1 {
		t.Errorf("grown %v, %t", grown, ok)
	}
	books.Close(name)
	if books.Of(name) != nil {
		t.Error("a closed Tally is in the books")
	}
}
