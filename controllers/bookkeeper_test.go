// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/controllers/tally"
	"github.com/sparkgateway/spark/gateway/config"
)

// desk is a bookkeeper over an API server in memory.
type desk struct {
	*testing.T
	keeper *bookkeeper
	client client.Client
	now    time.Time
	// broken is what the API server answers to writes.
	broken error
	writes int
	logged []string
}

func newDesk(t *testing.T, objects ...client.Object) *desk {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	d := &desk{T: t, now: noon}
	write := func() error {
		d.writes++
		return d.broken
	}
	d.client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if err := write(); err != nil {
				return err
			}
			return c.Create(ctx, o, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			if err := write(); err != nil {
				return err
			}
			return c.Update(ctx, o, opts...)
		},
	}).Build()
	d.restart()
	return d
}

// restart begins a new operator, which finds what the one before kept.
func (d *desk) restart() {
	log := funcr.New(func(_, args string) { d.logged = append(d.logged, args) }, funcr.Options{})
	d.keeper = newBookkeeper(d.client, d.client, tally.NewBooks(func() time.Time { return d.now }), log, func() time.Time { return d.now })
	d.keeper.Want(sparkGateway(), []string{"a"}, 1)
	d.keeper.round(d.Context(), sheetEvery)
}

// tell has the only pod tell what it counted.
func (d *desk) tell(uses ...config.HolderUse) {
	d.Helper()
	_, hear, ok := d.keeper.books.Ask(main, "a", "a-1")
	if !ok {
		d.Fatal("the books are closed")
	}
	hear(&config.UsageAnswer{Instance: "a-1", Holders: uses})
}

// round lets a second pass, and gives the number of writes.
func (d *desk) round() int {
	d.now = d.now.Add(bookEvery)
	before := d.writes
	d.keeper.round(d.Context(), sheetEvery)
	return d.writes - before
}

func (d *desk) wantUse(want config.HolderUse) {
	d.Helper()
	t := d.keeper.books.Of(main)
	if t == nil {
		d.Fatal("the books are closed")
	}
	if diff := cmp.Diff(want, t.Use(want.Holder)); diff != "" {
		d.Errorf("use of %s (-want +got):\n%s", want.Holder, diff)
	}
}

func TestWhatWasUsedOutlivesTheOperator(t *testing.T) {
	d := newDesk(t)
	if d.round() != 0 {
		t.Error("nothing was used and something is written")
	}
	d.tell(used("all", 5), used("key/team/alice", 5))
	if n := d.round(); n != 2 {
		t.Errorf("two holders on two sheets are kept by %d writes", n)
	}
	d.tell(used("all", 7))
	var written int
	for range 5 {
		written += d.round()
	}
	if written != 1 || d.round() != 0 {
		t.Errorf("in 5 seconds one sheet that changed is written %d times", written)
	}
	d.restart()
	d.wantUse(used("all", 7))
	d.wantUse(used("key/team/alice", 5))
	d.tell(used("all", 8)) // the pod goes on
	d.wantUse(used("all", 8))
	if n := d.round(); n != 1 {
		t.Errorf("the next operator writes %d times", n)
	}
	var maps corev1.ConfigMapList
	if err := d.client.List(t.Context(), &maps, client.MatchingLabels(render.UsageSelector(sparkGateway()))); err != nil {
		t.Fatal(err)
	}
	for _, m := range maps.Items {
		if !metav1.IsControlledBy(&m, sparkGateway()) {
			t.Errorf("ConfigMap %s does not go with its gateway", m.Name)
		}
	}
	if len(maps.Items) != 2 || d.logged != nil {
		t.Errorf("%d ConfigMaps, log %v", len(maps.Items), d.logged)
	}
}

func TestWritesThatFailAreMadeAgain(t *testing.T) {
	d := newDesk(t)
	d.tell(used("all", 5))
	d.broken = context.DeadlineExceeded
	if d.round() != 1 || d.round() != 0 || len(d.logged) != 1 {
		t.Errorf("%d writes, log %v", d.writes, d.logged)
	}
	for range 10 {
		d.round()
	}
	if len(d.logged) != 3 {
		t.Errorf("what goes on is logged at each try at most: %v", d.logged)
	}
	d.broken = nil
	d.now = d.now.Add(sheetEvery)
	if d.round() != 1 {
		t.Error("it is not written when it can be")
	}
	d.restart()
	d.wantUse(used("all", 5))
}

// Two operators at once, as when the one that was replaced does not know it yet: none overwrites what the other knows.
func TestAnOperatorThatWasReplacedReadsAgain(t *testing.T) {
	d := newDesk(t)
	d.tell(used("all", 5))
	d.round()
	old := d.keeper
	d.restart()
	d.tell(used("all", 9))
	d.round()
	former := d.keeper
	d.keeper = old
	d.tell(used("all", 6))
	d.now = d.now.Add(sheetEvery)
	d.round()
	if old.books.Of(main) != nil {
		t.Error("the former operator goes on with what it knew")
	}
	d.round()
	d.wantUse(used("all", 9))
	d.keeper = former
	d.wantUse(used("all", 9))
}

func TestBooksThatCannotBeReadStayClosed(t *testing.T) {
	spoilt := render.UsageMap(sparkGateway(), 3, []byte("spoilt"))
	theirs := render.UsageMap(sparkGateway(), 4, []byte("theirs"))
	theirs.OwnerReferences = nil
	d := newDesk(t, spoilt, theirs)
	for range 3 {
		d.round()
	}
	if d.keeper.books.Of(main) != nil || len(d.logged) != 1 || d.writes != 0 {
		t.Errorf("%d writes, log %v", d.writes, d.logged)
	}
	if err := d.client.Delete(t.Context(), spoilt); err != nil {
		t.Fatal(err)
	}
	d.round()
	d.wantUse(config.HolderUse{Holder: "all"})
}

func TestSomebodyElsesConfigMapIsNotWritten(t *testing.T) {
	d := newDesk(t)
	for sheet := range 16 {
		m := render.UsageMap(sparkGateway(), sheet, []byte("theirs"))
		m.OwnerReferences, m.Labels = nil, nil
		if err := d.client.Create(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	d.tell(used("all", 5))
	d.round()
	d.wantUse(used("all", 5))
	var maps corev1.ConfigMapList
	if err := d.client.List(t.Context(), &maps); err != nil {
		t.Fatal(err)
	}
	for _, m := range maps.Items {
		if string(m.BinaryData["usage.json.gz"]) != "theirs" {
			t.Errorf("ConfigMap %s was written", m.Name)
		}
	}
	if len(d.logged) != 1 {
		t.Errorf("log %v", d.logged)
	}
}

func TestBooksOfAGatewayThatIsGone(t *testing.T) {
	d := newDesk(t)
	d.tell(used("all", 5))
	d.keeper.Forget(main)
	if d.keeper.books.Of(main) != nil || d.round() != 0 {
		t.Error("the books of a gateway that is gone are kept")
	}
	d.keeper.Want(sparkGateway(), nil, 0)
	d.round()
	another := sparkGateway()
	another.UID = "another"
	d.keeper.Want(another, []string{"a"}, 1)
	if d.keeper.books.Of(main) != nil {
		t.Error("another gateway of that name has its books")
	}
	d.round()
	d.wantUse(config.HolderUse{Holder: "all"})
}

func TestWhatNobodyNeedsIsDropped(t *testing.T) {
	policy := &v1alpha1.UsagePolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "p"}}
	d := newDesk(t, apiKey("alice"), policy)
	d.tell(used("all", 5), used("key/team/alice", 1), used("key/team/gone", 1), used("policy/team/p", 1), used("policy/team/gone", 1), used("user/u", 1))
	left := func() (names []string) {
		for _, name := range []string{"all", "key/team/alice", "key/team/gone", "policy/team/p", "policy/team/gone", "user/u"} {
			if d.keeper.books.Of(main).Use(name).Requests > 0 {
				names = append(names, name)
			}
		}
		return names
	}
	d.now = noon.Add(sweepEvery - 2*bookEvery)
	d.round()
	if got := len(left()); got != 6 {
		t.Errorf("%d are left before the first sweep", got)
	}
	d.now = noon.Add(sweepEvery)
	d.round()
	if diff := cmp.Diff([]string{"all", "key/team/alice", "policy/team/p", "user/u"}, left()); diff != "" {
		t.Errorf("left after an hour (-want +got):\n%s", diff)
	}
	d.now = noon.Add(idleAfter)
	d.round()
	if diff := cmp.Diff([]string{"all", "key/team/alice", "policy/team/p"}, left()); diff != "" {
		t.Errorf("left after 40 days (-want +got):\n%s", diff)
	}
}

func TestABookkeeperThatEndsWritesWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.keeper.now = time.Now
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.keeper.Start(ctx) }()
		<-time.After(3 * bookEvery / 2)
		d.tell(used("all", 5))
		<-time.After(bookEvery)
		d.tell(used("all", 6))
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		d.restart()
		d.wantUse(used("all", 6))
	})
}

func TestTheReconcilerTellsWhoCounts(t *testing.T) {
	b := newBed(t, sparkGateway(), runningPod("a", "192.0.2.1"), runningPod("b", "192.0.2.2", func(p *corev1.Pod) { p.Status.Conditions = nil }),
		runningPod("c", "192.0.2.3", func(p *corev1.Pod) { p.Status.Phase = corev1.PodPending }))
	b.mustReconcile()
	if diff := cmp.Diff(&bookkeeping{pods: []string{"a", "b", "c"}, serving: 1}, b.books, cmp.AllowUnexported(bookkeeping{})); diff != "" {
		t.Errorf("books (-want +got):\n%s", diff)
	}
	gw := sparkGateway()
	if err := b.client.Delete(t.Context(), gw); err != nil {
		t.Fatal(err)
	}
	b.mustReconcile()
	if diff := cmp.Diff([]types.NamespacedName{main}, b.books.forgotten); diff != "" {
		t.Errorf("forgotten (-want +got):\n%s", diff)
	}
}
