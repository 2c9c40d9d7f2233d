// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	maxText  = 64 << 10
	// maxPlayers bounds the prompts that are under way, one of each client.
	maxPlayers = 8
	// maxHeaders and maxHeaderValue bound what is told of an answer's header.
	maxHeaders     = 32
	maxHeaderValue = 1 << 10
)

// Explainer asks a pod what it would do with a request.
type Explainer interface {
	Explain(ctx context.Context, gateway types.NamespacedName, t fleet.Target, pod fleet.Pod, asked config.ExplainRequest) (config.Explanation, error)
}

// Playground sends prompts through gateways with one key. It is safe for concurrent use.
type Playground struct {
	// Key is the ID of the APIKey, Secret reads it.
	Key    string
	Secret func(ctx context.Context) (string, error)
	// Explainer is nil where paths are not told.
	Explainer Explainer

	once   sync.Once
	client *http.Client

	mu      sync.Mutex
	players map[string]bool
}

// enter has a client play, unless it does or too many do. leave is nil then.
func (p *Playground) enter(client string) (leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.players[client] || len(p.players) >= maxPlayers {
		return nil
	}
	if p.players == nil {
		p.players = map[string]bool{}
	}
	p.players[client] = true
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.players, client)
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
	client, _, _ := net.SplitHostPort(r.RemoteAddr)
	leave := h.playground.enter(client)
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
	if gw.Spec.Listener != nil && gw.Spec.Listener.TLS != nil {
		return way{}, errors.New("the playground does not speak TLS, as this gateway does")
	}
	resources, err := h.cluster.Resources(ctx, gw)
	if err != nil {
		h.log(err, "a prompt of the playground was not sent")
		return way{}, errors.New("the cluster cannot be read")
	}
	for _, m := range resources.Members {
		host, _, err := net.SplitHostPort(m.Pod.Address)
		if !m.Running || !m.Ready || err != nil {
			continue
		}
		return way{
			gateway: types.NamespacedName{Namespace: gw.Namespace, Name: gw.Name}, admin: resources.Admin, pod: m.Pod,
			url: "http://" + net.JoinHostPort(host, fmt.Sprint(render.Port(gw))),
		}, nil
	}
	return way{}, errors.New("no pod of the gateway is ready")
}

// send asks the pod what it would do, and has it do so. The error is of the key; all else is Played.
func (p *Playground) send(ctx context.Context, to way, asked Play) (Played, error) {
	key, err := p.Secret(ctx)
	if err != nil {
		return Played{}, err
	}
	body, err := prompt(asked)
	if err != nil {
		return Played{}, err
	}
	played := Played{Headers: map[string]string{}}
	if p.Explainer != nil {
		plan, err := p.Explainer.Explain(ctx, to.gateway, fleet.Target{Admin: to.admin}, to.pod, config.ExplainRequest{Body: body, Key: p.Key})
		if err == nil {
			played.Explain = &plan
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.url+config.ExplainDefaultPath, bytes.NewReader(body))
	if err != nil {
		return Played{}, err
	}
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", "application/json")
	p.deliver(request, &played)
	return played, nil
}

// prompt gives the request of an application.
func prompt(asked Play) ([]byte, error) {
	request := map[string]any{
		"model":    asked.Model,
		"messages": []map[string]string{{"role": "user", "content": asked.Prompt}},
	}
	if asked.Stream {
		request["stream"] = true
		request["stream_options"] = map[string]bool{"include_usage": true}
	}
	return json.Marshal(request)
}

// deliver sends a request and takes in its answer.
func (p *Playground) deliver(request *http.Request, played *Played) {
	p.once.Do(func() {
		// Pods are called by their addresses, past any proxy, and have no reason to send us elsewhere.
		p.client = &http.Client{
			Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	})
	began := time.Now()
	since := func() float64 { return float64(time.Since(began).Microseconds()) / 1000 }
	response, err := p.client.Do(request)
	if err != nil {
		played.Error = "the pod cannot be reached"
		if request.Context().Err() != nil {
			played.Error = "there was no answer in time"
		}
		return
	}
	defer func() { _ = response.Body.Close() }()
	played.Status, played.Headers = response.StatusCode, telling(response.Header)
	kind, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	if response.StatusCode == http.StatusOK && kind == "text/event-stream" {
		played.readStream(response.Body, since)
	} else {
		played.readWhole(response.Body)
	}
	played.TotalMS = since()
}

// telling gives the names and values of a header that say what the gateway did.
func telling(h http.Header) map[string]string {
	out := map[string]string{}
	for name := range h {
		lower := strings.ToLower(name)
		if len(out) < maxHeaders && (strings.HasPrefix(lower, "x-spark-") || lower == "x-request-id") {
			value := h.Get(name)
			out[lower] = value[:min(len(value), maxHeaderValue)]
		}
	}
	return out
}

// readWhole takes in an answer that is not streamed, or an error.
func (p *Played) readWhole(body io.Reader) {
	content, err := io.ReadAll(io.LimitReader(body, maxText))
	var answer completion
	switch {
	case err != nil:
		p.Error = "the answer broke off"
	case p.Status == http.StatusOK && json.Unmarshal(content, &answer) == nil && len(answer.Choices) > 0:
		p.Text = clipped([]byte(answer.Choices[0].Message.Content))
		p.Usage = answer.Usage.work()
	default:
		p.Text = clipped(content)
	}
}
