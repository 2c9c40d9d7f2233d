// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/console/page"
	"github.com/sparkgateway/spark/gateway/config"
)

const (
	// fresh is how long an overview stands.
	fresh = 2 * time.Second
	// maxAtOnce bounds the requests of the interface that are under way.
	maxAtOnce = 64
	// apiPath is where the interface is; all else below /console/ are the page's files.
	apiPath = "/console/api/"
)

// Handler answers requests of the console. It is safe for concurrent use.
type Handler struct {
	cluster    Cluster
	caller     Caller
	playground *Playground
	version    string
	log        func(err error, what string)
	rounds     *rounds
	slots      chan struct{}
	// asking are the slots of questions to pods, over all rounds.
	asking chan struct{}

	mu sync.Mutex
	// known are the gateways that were there for the last overview.
	known map[types.NamespacedName]bool
}

// Options of a Handler.
type Options struct {
	Cluster Cluster
	Caller  Caller
	// Playground is nil where there is none.
	Playground *Playground
	// Version is the operator's.
	Version string
	// Guard stands before the interface. The page's files hold nothing of the cluster and are open.
	Guard Guard
	// Log is told why an overview could not be had.
	Log func(err error, what string)
}

// NewHandler gives what is served below /console.
func NewHandler(o Options) http.Handler {
	h := &Handler{cluster: o.Cluster, caller: o.Caller, playground: o.Playground, version: o.Version, log: o.Log,
		rounds: newRounds(fresh), slots: make(chan struct{}, maxAtOnce), asking: make(chan struct{}, atOnce)}
	api := http.NewServeMux()
	api.HandleFunc("GET "+apiPath+"overview", h.overview)
	api.HandleFunc("POST "+apiPath+"play", h.play)
	api.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound, "there is nothing here") })
	mux := http.NewServeMux()
	guarded := h.bounded(http.NewCrossOriginProtection().Handler(o.Guard(api)))
	mux.Handle("GET "+apiPath, guarded)
	mux.Handle("POST "+apiPath, guarded)
	mux.HandleFunc("GET /console/{file...}", file)
	toPage := http.RedirectHandler("/console/", http.StatusFound)
	mux.Handle("GET /{$}", toPage)
	mux.Handle("GET /console", toPage)
	return secured(mux)
}

// secured sets what every answer bears.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", page.Policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Frame-Options", "DENY")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cache-Control", "no-cache")
		if strings.HasPrefix(r.URL.Path, apiPath) {
			header.Set("Cache-Control", "no-store")
		}
		next.ServeHTTP(w, r)
	})
}

// bounded turns requests away that are too many at a time, before anybody is asked whose they are.
func (h *Handler) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case h.slots <- struct{}{}:
			defer func() { <-h.slots }()
			next.ServeHTTP(w, r)
		default:
			w.Header().Set("Retry-After", "1")
			refuse(w, http.StatusServiceUnavailable, "too many requests at a time")
		}
	})
}

func file(w http.ResponseWriter, r *http.Request) {
	content, contentType, found := page.File(r.PathValue("file"))
	if !found {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(content)
}

// errNoGateway says that the one that was named does not exist.
var errNoGateway = errors.New("there is no such SparkGateway")

func (h *Handler) overview(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("gateway")
	answer, err := h.rounds.get(r.Context(), name, func(ctx context.Context) ([]byte, error) { return h.look(ctx, name) })
	switch {
	case errors.Is(err, errNoGateway):
		refuse(w, http.StatusNotFound, err.Error())
		return
	case err != nil:
		if r.Context().Err() == nil {
			h.log(err, "an overview cannot be had")
		}
		refuse(w, http.StatusInternalServerError, "the cluster cannot be read")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer)
}

// look puts an overview together: of all gateways, or of the one that is named "namespace/name".
func (h *Handler) look(ctx context.Context, name string) ([]byte, error) {
	gateways, err := h.cluster.Gateways(ctx)
	if err != nil {
		return nil, err
	}
	h.forget(gateways)
	if name != "" {
		gateways = slices.DeleteFunc(slices.Clone(gateways), func(g v1alpha1.SparkGateway) bool { return g.Namespace+"/"+g.Name != name })
		if len(gateways) == 0 {
			return nil, errNoGateway
		}
	}
	shown := slices.SortedFunc(slices.Values(gateways), func(a, b v1alpha1.SparkGateway) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	shown = first(shown, maxGateways)
	subjects := make([]subject, len(shown))
	for i := range shown {
		subjects[i].gateway = &shown[i]
		if subjects[i].resources, err = h.cluster.Resources(ctx, &shown[i]); err != nil {
			return nil, fmt.Errorf("read what belongs to %s/%s: %w", shown[i].Namespace, shown[i].Name, err)
		}
	}
	hear(ctx, h.caller, h.asking, subjects)
	now := time.Now().UTC()
	o := Overview{At: now, Version: h.version, Playground: h.playground != nil, Omitted: len(gateways) - len(shown), Gateways: []Gateway{}}
	for i := range subjects {
		g := compose(&subjects[i], now)
		if len(subjects) > maxWhole {
			shorten(&g)
		}
		o.Gateways = append(o.Gateways, g)
	}
	return json.Marshal(&o)
}

// shorten leaves out what only who looks at the one gateway needs: it is nine tenths of the answer, for each viewer each time.
func shorten(g *Gateway) {
	g.Brief, g.Models, g.Traffic, g.Spend, g.Errors = true, []string{}, []Minute{}, []Spend{}, []config.ErrorGroup{}
}

// forget drops the connections to gateways that are gone.
func (h *Handler) forget(present []v1alpha1.SparkGateway) {
	is := make(map[types.NamespacedName]bool, len(present))
	for i := range present {
		is[types.NamespacedName{Namespace: present[i].Namespace, Name: present[i].Name}] = true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for name := range h.known {
		if !is[name] {
			h.caller.Forget(name)
		}
	}
	h.known = is
}

// refuse answers with an error in JSON.
func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": message})
}
