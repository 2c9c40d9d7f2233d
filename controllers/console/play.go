// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/fleet"
	"github.com/sparkgateway/spark/controllers/render"
	"github.com/sparkgateway/spark/gateway/config"
)

const (
	maxPrompt = 8 << 10
	maxModel  = 256
	// maxBody bounds a Play in JSON, in which a byte of the prompt may take six.
	maxBody  = 6*maxPrompt + 4<<10
	playTime = 60 * time.Second
	// maxPlayers bounds the prompts that are under way, one of each viewer.
	maxPlayers = 8
)

// Witness asks a pod what it would do with a request, and what it did with one, by its ID.
type Witness interface {
	Explain(ctx context.Context, gateway types.NamespacedName, t fleet.Target, pod fleet.Pod, asked config.ExplainRequest) (config.Explanation, error)
	Course(ctx context.Context, gateway types.NamespacedName, t fleet.Target, pod fleet.Pod, id string) (config.Course, error)
}

// Playground sends prompts through gateways with one key. It is safe for concurrent use.
type Playground struct {
	// Key is the ID of the APIKey, Secret reads it.
	Key    string
	Secret func(ctx context.Context) (string, error)
	// Witness is nil where paths are not told.
	Witness Witness

	mu      sync.Mutex
	players map[string]bool
}

// enter has a viewer play, unless it does or too many do. leave is nil then.
func (p *Playground) enter(who string) (leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.players[who] || len(p.players) >= maxPlayers {
		return nil
	}
	if p.players == nil {
		p.players = map[string]bool{}
	}
	p.players[who] = true
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.players, who)
	}
}

// play answers POST /console/api/play.
func (h *Handler) play(w http.ResponseWriter, r *http.Request) {
	if h.playground == nil {
		refuse(w, http.StatusNotFound, "there is no playground; the operator has it with --console-playground")
		return
	}
	asked, err := readPlay(w, r)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	leave := h.playground.enter(viewer(r))
	if leave == nil {
		w.Header().Set("Retry-After", "5")
		refuse(w, http.StatusTooManyRequests, "a prompt is under way; one at a time")
		return
	}
	defer leave()
	ctx, cancel := context.WithTimeout(r.Context(), playTime)
	defer cancel()
	way, err := h.find(ctx, asked.Gateway)
	switch {
	case errors.Is(err, errNoGateway):
		refuse(w, http.StatusNotFound, err.Error())
		return
	case err != nil:
		refuse(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	played, err := h.playground.send(ctx, way, asked)
	if err != nil {
		h.log(err, "a prompt of the playground was not sent")
		refuse(w, http.StatusServiceUnavailable, "the playground's key cannot be read")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(played)
}

func readPlay(w http.ResponseWriter, r *http.Request) (Play, error) {
	var asked Play
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(kind) != "application/json" {
		return asked, errors.New("the body must be application/json")
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if decoder.Decode(&asked) != nil {
		return asked, fmt.Errorf("the body must be {gateway, model, prompt, stream} of at most %d bytes", maxBody)
	}
	switch {
	case len(asked.Prompt) > maxPrompt:
		return asked, fmt.Errorf("the prompt has %d bytes, of at most %d", len(asked.Prompt), maxPrompt)
	case asked.Prompt == "":
		return asked, errors.New("the prompt is empty")
	case asked.Model == "" || len(asked.Model) > maxModel:
		return asked, fmt.Errorf("model must have 1 to %d bytes", maxModel)
	}
	return asked, nil
}

// way leads to a pod of a gateway.
type way struct {
	gateway types.NamespacedName
	admin   map[string][]byte
	pod     fleet.Pod
	url     string
	// tls is nil for plain HTTP.
	tls *tls.Config
}

// find gives the way to a pod that is ready.
func (h *Handler) find(ctx context.Context, name string) (way, error) {
	gateways, err := h.cluster.Gateways(ctx)
	if err != nil {
		h.log(err, "a prompt of the playground was not sent")
		return way{}, errors.New("the cluster cannot be read")
	}
	for i := range gateways {
		if gw := &gateways[i]; gw.Namespace+"/"+gw.Name == name {
			return h.to(ctx, gw)
		}
	}
	return way{}, errNoGateway
}

func (h *Handler) to(ctx context.Context, gw *v1alpha1.SparkGateway) (way, error) {
	resources, err := h.cluster.Resources(ctx, gw)
	if err != nil {
		h.log(err, "a prompt of the playground was not sent")
		return way{}, errors.New("the cluster cannot be read")
	}
	scheme, settings := "http", (*tls.Config)(nil)
	if gw.Spec.Listener != nil && gw.Spec.Listener.TLS != nil {
		scheme = "https"
		if settings, err = pinned(resources.Certificate); err != nil {
			return way{}, err
		}
	}
	for _, m := range resources.Members {
		host, _, err := net.SplitHostPort(m.Pod.Address)
		if !m.Running || !m.Ready || err != nil {
			continue
		}
		return way{
			gateway: types.NamespacedName{Namespace: gw.Namespace, Name: gw.Name}, admin: resources.Admin, pod: m.Pod,
			url: scheme + "://" + net.JoinHostPort(host, fmt.Sprint(render.Port(gw))), tls: settings,
		}, nil
	}
	return way{}, errors.New("no pod of the gateway is ready")
}
