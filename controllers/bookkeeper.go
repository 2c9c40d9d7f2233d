// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/apply"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/controllers/tally"
	"github.com/sparkgateway/spark/gateway/config"
)

const (
	// bookEvery is how often the books are looked at, and sheetEvery how often one sheet is written at most: with the operator
	// and a pod at once goes what the pod counted within that time and the time between two calls.
	bookEvery  = time.Second
	sheetEvery = 5 * time.Second
	// sheetsAtOnce bounds what is copied to be written.
	sheetsAtOnce = 16
	// lastWrite bounds what is written when the operator ends.
	lastWrite = 5 * time.Second
	// sweepEvery is how often what nobody needs is dropped: keys and policies that are gone for longer than goneAfter, and
	// others that were not used for longer than idleAfter, which no month's budget reaches.
	sweepEvery = time.Hour
	goneAfter  = time.Hour
	idleAfter  = 40 * 24 * time.Hour
)

// bookkeeper keeps in ConfigMaps what was used on each gateway: it opens the books by reading them, and writes what changes. It
// is safe for concurrent use.
type bookkeeper struct {
	// reader reads past the cache, which does not hold ConfigMaps; client lists resources from it.
	reader  client.Reader
	client  client.Client
	applier *apply.Applier
	books   *tally.Books
	log     logr.Logger
	now     func() time.Time

	mu    sync.Mutex
	kept  map[types.NamespacedName]*book
	swept time.Time
}

// book is one gateway's. But for gateway, pods and serving it is of the bookkeeper's own goroutine.
type book struct {
	gateway *v1alpha1.SparkGateway
	pods    []string
	serving int
	// versions are those of the ConfigMaps, written when each was, by sheet.
	versions map[int]string
	written  map[int]time.Time
	problem  string
}

func newBookkeeper(reader client.Reader, c client.Client, books *tally.Books, log logr.Logger, now func() time.Time) *bookkeeper {
	return &bookkeeper{reader: reader, client: c, applier: &apply.Applier{Client: c}, books: books, log: log, now: now,
		kept: map[types.NamespacedName]*book{}, swept: now()}
}

// Want has the books of a gateway kept, whose pods are those, by UID, of which some serve.
func (k *bookkeeper) Want(gw *v1alpha1.SparkGateway, pods []string, serving int) {
	name := client.ObjectKeyFromObject(gw)
	k.mu.Lock()
	b := k.kept[name]
	if b == nil || b.gateway.UID != gw.UID {
		b = &book{gateway: gw.DeepCopy(), versions: map[int]string{}, written: map[int]time.Time{}}
		k.kept[name] = b
		k.books.Close(name)
	}
	b.pods, b.serving = pods, serving
	k.mu.Unlock()
	if t := k.books.Of(name); t != nil {
		t.Pods(pods, serving, k.now())
	}
}

// Forget ends the books of a gateway that is gone; its ConfigMaps go with it.
func (k *bookkeeper) Forget(name types.NamespacedName) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.kept, name)
	k.books.Close(name)
}

// Start keeps the books until the context ends, and then writes what is not written yet.
func (k *bookkeeper) Start(ctx context.Context) error {
	tick := time.NewTicker(bookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			k.round(ctx, sheetEvery)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
			defer cancel()
			k.round(last, 0)
			return nil
		}
	}
}

// round opens books, and writes the sheets that changed and were not written for so long.
func (k *bookkeeper) round(ctx context.Context, every time.Duration) {
	k.mu.Lock()
	kept := maps.Clone(k.kept)
	k.mu.Unlock()
	for name, b := range kept {
		err := k.attend(ctx, name, b, every)
		if problem := fmt.Sprint(err); err == nil {
			b.problem = ""
		} else if problem != b.problem && ctx.Err() == nil {
			b.problem = problem
			k.log.Error(err, "what was used is not kept just now; it is tried again", "gateway", name)
		}
	}
	if now := k.now(); now.Sub(k.swept) >= sweepEvery {
		k.swept = now
		if err := k.sweep(ctx); err != nil {
			k.log.Error(err, "what nobody needs is not dropped; it is tried again", "in", sweepEvery)
		}
	}
}

func (k *bookkeeper) attend(ctx context.Context, name types.NamespacedName, b *book, every time.Duration) error {
	k.mu.Lock()
	pods, serving, current := b.pods, b.serving, k.kept[name] == b
	k.mu.Unlock()
	t := k.books.Of(name)
	switch {
	case !current:
		return nil
	case t == nil:
		return k.open(ctx, name, b)
	}
	t.Pods(pods, serving, k.now())
	return k.write(ctx, name, b, t, every)
}

// open reads what is kept, and asks for it only then: whoever began without it would forget what was spent.
func (k *bookkeeper) open(ctx context.Context, name types.NamespacedName, b *book) error {
	var found corev1.ConfigMapList
	if err := k.reader.List(ctx, &found, client.InNamespace(name.Namespace), client.MatchingLabels(render.UsageSelector(b.gateway))); err != nil {
		return fmt.Errorf("read what was used: %w", err)
	}
	var sheets []tally.Sheet
	clear(b.versions)
	for i := range found.Items {
		m := &found.Items[i]
		if number, content, ok := render.UsageSheet(m); ok && metav1.IsControlledBy(m, b.gateway) {
			sheets = append(sheets, tally.Sheet{Number: number, Content: content})
			b.versions[number] = m.ResourceVersion
		}
	}
	t := tally.New(k.now())
	if err := t.Restore(sheets); err != nil {
		return fmt.Errorf("ConfigMaps %s-spark-usage-*: %w; whoever deletes them forgets what was used", name, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kept[name] == b {
		t.Pods(b.pods, b.serving, k.now())
		k.books.Open(name, t)
	}
	return nil
}

// write keeps the sheets that changed.
func (k *bookkeeper) write(ctx context.Context, name types.NamespacedName, b *book, t *tally.Tally, every time.Duration) error {
	now := k.now()
	due := slices.DeleteFunc(t.Dirty(), func(number int) bool { return now.Sub(b.written[number]) < every })
	var failed error
	for part := range slices.Chunk(due, sheetsAtOnce) {
		sheets, err := t.Write(part)
		if err != nil {
			return err
		}
		for _, sheet := range sheets {
			b.written[sheet.Number] = now
			if err := k.keep(ctx, name, b, sheet); err != nil {
				t.Rewrite(sheet.Number)
				failed = errors.Join(failed, err)
			}
		}
	}
	return failed
}

// keep writes one sheet. Where somebody else wrote it since, as another operator does that took over, the books are read anew:
// what is not in them the pods tell again.
func (k *bookkeeper) keep(ctx context.Context, name types.NamespacedName, b *book, sheet tally.Sheet) error {
	m := render.UsageMap(b.gateway, sheet.Number, sheet.Content)
	m.ResourceVersion = b.versions[sheet.Number]
	err := k.applier.Replace(ctx, m)
	switch {
	case err == nil:
		b.versions[sheet.Number] = m.ResourceVersion
	case apierrors.IsNotFound(err):
		delete(b.versions, sheet.Number)
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err) && k.ours(ctx, m, b):
		k.books.Close(name)
	}
	return err
}

// ours says whether a ConfigMap is of the books.
func (k *bookkeeper) ours(ctx context.Context, m *corev1.ConfigMap, b *book) bool {
	live := &corev1.ConfigMap{}
	return k.reader.Get(ctx, client.ObjectKeyFromObject(m), live) == nil && metav1.IsControlledBy(live, b.gateway)
}

// sweep drops what nobody needs any more.
func (k *bookkeeper) sweep(ctx context.Context) error {
	exist := map[string]bool{}
	for prefix, list := range map[string]client.ObjectList{
		config.HolderKey: &v1alpha1.APIKeyList{}, config.HolderPolicy: &v1alpha1.UsagePolicyList{},
	} {
		if err := k.client.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
			return err
		}
		for _, o := range itemsOf(list) {
			exist[prefix+client.ObjectKeyFromObject(o).String()] = true
		}
	}
	k.mu.Lock()
	names := slices.Collect(maps.Keys(k.kept))
	k.mu.Unlock()
	now := k.now()
	for _, name := range names {
		if t := k.books.Of(name); t != nil {
			t.Sweep(func(u *config.HolderUse) bool { return needed(u, exist, now) })
		}
	}
	return nil
}

// needed says whether what a holder used may still matter.
func needed(u *config.HolderUse, exist map[string]bool, now time.Time) bool {
	idle := now.Sub(time.UnixMilli(u.Last))
	if strings.HasPrefix(u.Holder, config.HolderKey) || strings.HasPrefix(u.Holder, config.HolderPolicy) {
		return exist[u.Holder] || idle < goneAfter
	}
	return u.Holder == config.HolderAll || idle < idleAfter
}
