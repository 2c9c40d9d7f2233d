// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/tally"
	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// accounts gives the operator books of the pods' use, from what was kept of others.
func (o *operator) accounts(kept []tally.Sheet, pods ...*pod) *tally.Tally {
	o.t.Helper()
	books, t := tally.NewBooks(time.Now), tally.New(time.Now())
	if err := t.Restore(kept); err != nil {
		o.t.Fatal(err)
	}
	var uids []string
	for _, p := range pods {
		uids = append(uids, p.uid)
	}
	t.Pods(uids, len(uids), time.Now())
	books.Open(main, t)
	o.fleet.Share(books, func(types.NamespacedName, []string) {})
	return t
}

// requests waits until so many of alice's requests are known.
func (o *operator) requests(t *tally.Tally, want int64) config.HolderUse {
	o.t.Helper()
	var use config.HolderUse
	poll(o.t, func() bool {
		use = t.Use("key/team/alice")
		return use.Requests == want
	}, func() string { return fmt.Sprintf("alice made %d requests, want %d", use.Requests, want) })
	return use
}

// What one pod lets through the others know, also after the operator began anew, and nothing is counted twice.
func TestPodsLearnOfEachOthersUse(t *testing.T) {
	fake := fakeprovider.New(fakeprovider.Options{})
	if err := fake.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fake.Close() })
	in := declared(fake.URL()+"/v1", "alice")
	in.Keys[0].Spec.Limits = &v1alpha1.Limits{Requests: []v1alpha1.RequestLimit{{Count: 6, Per: "24h"}}}
	bundle, _ := compile(t, 1, in)
	c := newCluster(t)
	c.write(bundle)
	a, b := c.start("a", nil), c.start("b", nil)
	o := c.operator()
	first := o.accounts(nil, a, b)
	o.want(bundle, a, b)
	o.eventually(v1alpha1.ReasonProgrammed, bundle, a, b)
	ask := func(p *pod, times int) {
		t.Helper()
		for range times {
			if got := p.chats(t, "smart"); got != http.StatusOK {
				t.Fatalf("a request within the limit is answered with %d", got)
			}
		}
	}
	ask(a, 3)
	ask(b, 1)
	use := o.requests(first, 4)
	if use.Tokens == 0 || use.Last == 0 {
		t.Errorf("use %+v", use)
	}
	sheets, err := first.Write(first.Dirty())
	if err != nil {
		t.Fatal(err)
	}

	// The operator ends, a pod goes on, and the next operator hears what the first one heard before.
	o.fleet.Forget(main)
	ask(a, 1)
	o = c.operator()
	next := o.accounts(sheets, a, b)
	o.want(bundle, a, b)
	o.eventually(v1alpha1.ReasonProgrammed, bundle, a, b)
	o.requests(next, 5)
	began := time.Now()
	poll(t, func() bool { return b.chats(t, "smart") == http.StatusTooManyRequests }, func() string { return "b lets everything through" })
	if made := next.Use("key/team/alice").Requests; made > 8 || time.Since(began) > time.Minute {
		t.Errorf("after %d requests b refuses, and after %s", made, time.Since(began))
	}
	poll(t, func() bool { return a.chats(t, "smart") == http.StatusTooManyRequests }, func() string { return "a lets everything through" })
}
