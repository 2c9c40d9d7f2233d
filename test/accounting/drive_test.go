// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package accounting

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/test/accounting/bed"
	"github.com/sparkgateway/spark/test/fakeprovider"
)

// asked is one request, and what its application saw.
type asked struct {
	class, dialect, user string
	kind                 config.ProviderType // with plain routes
	stream               bool
	model, steer         string
	tokens, most         int
	event                int           // that the provider falls silent before, with leavesMidway
	patience             time.Duration // with leavesWaiting

	status int
	id     string // as the gateway told; "" where the application left first
	heard  int    // tokens of the answer, with streams
	err    error
}

// leastMost is the lowest limit of an answer that all dialects take.
const leastMost = 16

// plan makes requests of all classes, the same for the same seed.
func plan(n int, seed uint64) []asked {
	rng := rand.New(rand.NewPCG(seed, 5))
	var lots []string
	for _, name := range slices.Sorted(maps.Keys(classes)) {
		lots = append(lots, slices.Repeat([]string{name}, classes[name].share)...)
	}
	dialects := slices.Sorted(maps.Keys(bed.Dialects))
	kinds := slices.Sorted(maps.Keys(bed.Kinds))
	all := make([]asked, n)
	for i := range all {
		a := asked{
			class: lots[rng.IntN(len(lots))], dialect: dialects[rng.IntN(len(dialects))], user: users[rng.IntN(len(users))],
			tokens: opening + 3 + rng.IntN(40), most: 400, patience: time.Duration(rng.IntN(30_000)) * time.Microsecond,
		}
		c := classes[a.class]
		route := c.route
		if route == "" {
			a.kind = kinds[rng.IntN(len(kinds))]
			route = plain(a.kind)
		}
		a.model = fmt.Sprintf("%s-%05d", route, i)
		a.stream = c.form == streamsOnly || c.form == anyForm && rng.IntN(2) == 0
		if a.dialect != "anthropic" && rng.IntN(3) == 0 {
			a.most = 0
		}
		if c.most {
			a.most = leastMost + rng.IntN(20)
			a.tokens = a.most + 1 + rng.IntN(40)
		}
		if c.leaving == leavesAnywhere {
			a.tokens += 100
		}
		a.steer = c.steer(rng, a.tokens)
		_, _ = fmt.Sscanf(a.steer, "fault=stall:%d", &a.event)
		all[i] = a
	}
	return all
}

// text is the prompt.
func (a *asked) text() string {
	return fmt.Sprintf("A question about %s, in words of several scripts: café, данные. %s [[fake %s]]",
		strings.Repeat("many things ", len(a.class)%5), fakeprovider.Mark(a.model),
		strings.TrimSpace(fmt.Sprintf("tokens=%d %s", a.tokens, a.steer)))
}

// way is what decides how a stream begins: a provider may speak several dialects itself.
type way struct {
	kind    config.ProviderType
	dialect string
}

// driver sends requests.
type driver struct {
	url      string
	client   *http.Client
	provider *fakeprovider.Server
	// unspoken are the events of a stream before the first that carries a token.
	unspoken map[way]int
}

// run sends all, so many at once.
func (d *driver) run(t *testing.T, all []asked, workers int) {
	t.Helper()
	next := make(chan *asked)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for a := range next {
				d.ask(t.Context(), a)
			}
		})
	}
	for i := range all {
		next <- &all[i]
	}
	close(next)
	wg.Wait()
}

func (d *driver) ask(ctx context.Context, a *asked) {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	dialect := bed.Dialects[a.dialect]
	path, body := dialect.Ask(a.model, a.text(), a.most, a.stream)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url+path, strings.NewReader(body))
	if err != nil {
		a.err = err
		return
	}
	bed.Authorize(request, a.user)
	if classes[a.class].leaving == leavesWaiting {
		// Some leave before the provider was asked, some before the gateway knew of them.
		defer time.AfterFunc(a.patience, leave).Stop()
	}
	response, err := d.client.Do(request)
	if err != nil {
		a.err = err
		return
	}
	defer func() { _ = response.Body.Close() }()
	a.status, a.id = response.StatusCode, response.Header.Get("X-Request-Id")
	if !a.stream || a.status != http.StatusOK {
		_, a.err = io.Copy(io.Discard, response.Body)
		return
	}
	enough := d.enough(a)
	a.err = dialect.Hear(response.Body, func(text string) bool {
		a.heard += fakeprovider.CountTokens(text)
		return a.heard < enough
	})
}

// enough is how many tokens an application wants to hear before it leaves.
func (d *driver) enough(a *asked) int {
	switch classes[a.class].leaving {
	case leavesMidway:
		return a.event - d.unspoken[way{a.kind, a.dialect}]
	case leavesAnywhere:
		return 1 + len(a.text())*a.tokens%97
	default:
		return 1 << 30
	}
}

// listen finds out how a stream of each type of provider begins.
func (d *driver) listen(t *testing.T) {
	t.Helper()
	const event = 12
	d.unspoken = map[way]int{}
	for kind := range bed.Kinds {
		for dialect := range bed.Dialects {
			a := asked{
				class: "cut by the provider", dialect: dialect, user: users[0], stream: true, kind: kind, tokens: 30, most: 100,
				model: plain(kind) + "-listen", steer: fmt.Sprintf("fault=truncate-stream:%d", event),
			}
			d.ask(t.Context(), &a)
			books := d.provider.Books()
			written := books[len(books)-1].Completion
			if a.heard != written || event-written < 0 || event-written >= opening {
				t.Fatalf("%s in %s: %d tokens heard, the books say %+v", kind, dialect, a.heard, books[len(books)-1])
			}
			d.unspoken[way{kind, dialect}] = event - written
		}
	}
}
