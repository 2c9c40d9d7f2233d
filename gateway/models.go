// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/provider"
	"github.com/sparkgateway/spark/gateway/route"
	"github.com/sparkgateway/spark/gateway/upstream"
)

// modelsMissing names the providers whose models are not in a list because they did not say.
const modelsMissing = "X-Spark-Models-Missing"

const (
	// askTimeout bounds asking one provider for its models.
	askTimeout = config.Duration(5 * time.Second)
	// maxModelsBytes bounds its answer.
	maxModelsBytes = 4 << 20
)

// modelList is what GET /v1/models lists: configured names, and what open providers say they offer. It is immutable.
type modelList struct {
	configured []listed
	open       []openProvider
	bare       bool // whether names of the only open provider need no "provider/"
}

type listed struct{ id, owner string }

type openProvider struct {
	provider *provider.Provider
	pool     *upstream.Pool
}

func newModelList(routes *route.Table, providers []*provider.Provider, pools []*upstream.Pool) modelList {
	var l modelList
	for _, name := range routes.Names() {
		target, err := routes.Find([]byte(name))
		if err == nil {
			l.configured = append(l.configured, listed{name, providers[target.Provider].Name})
		}
	}
	open, bare := routes.Open()
	l.bare = bare
	for _, i := range open {
		l.open = append(l.open, openProvider{providers[i], pools[i]})
	}
	return l
}

// listModels serves GET /v1/models, and /v1/models/{id} where id is not empty, in OpenAI's shape.
func (r *request) listModels(id string) *exchange.Error {
	all, missing := r.snap.models.all(r.srv.living)
	body := make([]byte, 0, 64+96*len(all))
	if id == "" {
		body = append(body, `{"object":"list","data":[`...)
		for i, m := range all {
			if i > 0 {
				body = append(body, ',')
			}
			body = m.append(body)
		}
		body = append(body, "]}"...)
	} else {
		found, ok := find(all, id)
		if !ok {
			return &exchange.Error{
				Status: 404, Type: exchange.TypeInvalidRequest, Code: "model_not_found", Param: "model",
				Reason: exchange.ReasonModelNotFound, Outcome: exchange.Refused,
				Message: "The model does not exist or you do not have access to it.",
			}
		}
		body = found.append(body)
	}
	r.common()
	resp := &r.ctx.Response
	if len(missing) > 0 {
		resp.Header.SetCanonical([]byte(modelsMissing), []byte(strings.Join(missing, ", ")))
	}
	resp.Header.SetContentTypeBytes(jsonType)
	resp.SetBody(body)
	r.ex.Status, r.ex.BytesOut = 200, int64(len(body))
	return nil
}

func find(all []listed, id string) (listed, bool) {
	for _, m := range all {
		if m.id == id {
			return m, true
		}
	}
	return listed{}, false
}

func (m listed) append(dst []byte) []byte {
	dst = dialect.AppendString(append(dst, `{"id":`...), m.id)
	dst = append(dst, `,"object":"model","created":0,"owned_by":`...)
	return append(dialect.AppendString(dst, m.owner), '}')
}

// all asks the open providers, at once, for what is not known, and gives the names of those that did not say.
func (l modelList) all(living *Living) (all []listed, missing []string) {
	all = l.configured[:len(l.configured):len(l.configured)]
	said := make([][]string, len(l.open))
	failed := make([]error, len(l.open))
	var wait sync.WaitGroup
	for i, p := range l.open {
		wait.Go(func() { said[i], failed[i] = living.catalog.Models(p.provider.CatalogKey, p.ask) })
	}
	wait.Wait()
	known := make(map[string]bool, len(all))
	for _, m := range all {
		known[m.id] = true
	}
	for i, p := range l.open {
		if failed[i] != nil {
			missing = append(missing, p.provider.Name)
		}
		for _, name := range said[i] {
			if !l.bare {
				name = p.provider.Name + "/" + name
			}
			if !known[name] {
				known[name] = true
				all = append(all, listed{name, p.provider.Name})
			}
		}
	}
	return all, missing
}

// ask gets the provider's own list.
func (p openProvider) ask() ([]string, error) {
	var call upstream.Call
	timeouts := config.Timeouts{
		Connect: min(askTimeout, p.provider.Timeouts.Connect), FirstToken: askTimeout, BetweenTokens: askTimeout, Total: askTimeout,
	}
	defer call.Finish(0)
	if err := call.Do(p.pool, timeouts, p.provider.ModelsHead(), nil); err != nil {
		return nil, err
	}
	if status := call.Header.StatusCode(); status != 200 {
		return nil, fmt.Errorf("the provider answered %d", status)
	}
	body, err := io.ReadAll(io.LimitReader(&call, maxModelsBytes+1))
	if err != nil {
		return nil, err
	}
	var list struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if len(body) > maxModelsBytes || json.Unmarshal(body, &list) != nil {
		return nil, errors.New("the provider's list of models could not be read")
	}
	names := make([]string, 0, len(list.Data))
	for _, m := range list.Data {
		if m.ID != "" {
			names = append(names, m.ID)
		}
	}
	return names, nil
}
