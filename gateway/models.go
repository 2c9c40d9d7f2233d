// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sparkgateway/spark/gateway/auth"
	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/provider"
	"github.com/sparkgateway/spark/gateway/proxy"
	"github.com/sparkgateway/spark/gateway/route"
	"github.com/sparkgateway/spark/gateway/upstream"
)

// modelsMissing names the providers whose models are not in a list because they did not say.
const modelsMissing = "X-Spark-Models-Missing"

const (
	// askTimeout bounds asking one provider for its models.
	askTimeout = 5 * time.Second
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
	identity proxy.Identity // nil where an API key does
}

func newModelList(routes *route.Table, providers []openProvider) modelList {
	var l modelList
	for _, name := range routes.Names() {
		if found, err := routes.Find([]byte(name), nil); err == nil {
			l.configured = append(l.configured, listed{name, owner(found.Route, providers)})
		}
	}
	open, bare := routes.Open()
	l.bare = bare
	for _, i := range open {
		l.open = append(l.open, providers[i])
	}
	return l
}

// owner is the provider of a name's first target; a route of several is the gateway's own.
func owner(r *route.Route, providers []openProvider) string {
	if r.ID != "" || len(r.Targets) == 0 {
		return "spark"
	}
	return providers[r.Targets[0].Provider].provider.Name
}

// listModels serves a list of models, or the one that the path names, in the shape of the path's dialect.
func (r *request) listModels() *exchange.Error {
	all, missing := r.snap.models.all(r.srv.living)
	if p := r.ex.Principal; p != nil && p.Allow != nil {
		// The list may be shared with other requests.
		all = slices.DeleteFunc(slices.Clone(all), func(m listed) bool { return !auth.MayUse(p, m.id) })
	}
	var body []byte
	if len(r.pathModel) == 0 {
		body = appendModels(make([]byte, 0, 64+128*len(all)), r.dialect, all)
	} else {
		i := slices.IndexFunc(all, func(m listed) bool { return m.id == string(r.pathModel) })
		if i < 0 {
			return &exchange.Error{
				Status: 404, Type: exchange.TypeInvalidRequest, Code: "model_not_found", Param: "model",
				Reason: exchange.ReasonModelNotFound, Outcome: exchange.Refused,
				Message: "The model does not exist or you do not have access to it.",
			}
		}
		body = all[i].append(nil, r.dialect)
	}
	if len(missing) > 0 {
		r.ctx.Response.Header.SetCanonical([]byte(modelsMissing), []byte(strings.Join(missing, ", ")))
	}
	r.reply(jsonType, body)
	return nil
}

// appendModels writes a list that is whole: there is never a further page.
func appendModels(dst []byte, d exchange.Dialect, all []listed) []byte {
	switch d {
	case exchange.Gemini:
		dst = append(dst, `{"models":[`...)
	case exchange.Anthropic:
		dst = append(dst, `{"data":[`...)
	default:
		dst = append(dst, `{"object":"list","data":[`...)
	}
	for i, m := range all {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = m.append(dst, d)
	}
	dst = append(dst, ']')
	if d == exchange.Anthropic {
		dst = append(dst, `,"has_more":false,"first_id":`...)
		dst = appendEnd(dst, all, 0)
		dst = append(dst, `,"last_id":`...)
		dst = appendEnd(dst, all, len(all)-1)
	}
	return append(dst, '}')
}

func appendEnd(dst []byte, all []listed, i int) []byte {
	if len(all) == 0 {
		return append(dst, "null"...)
	}
	return dialect.AppendString(dst, all[i].id)
}

// append writes one model as a dialect has it: OpenAI's "model" object, Anthropic's ModelInfo, Gemini's Model. Who made
// a model, and when, is not known here, so that dates are the beginning of time.
func (m listed) append(dst []byte, d exchange.Dialect) []byte {
	switch d {
	case exchange.Gemini:
		dst = dialect.AppendString(append(dst, `{"name":`...), "models/"+m.id)
		dst = dialect.AppendString(append(dst, `,"displayName":`...), m.id)
		return append(dst, `,"version":"","supportedGenerationMethods":["generateContent","streamGenerateContent","countTokens"]}`...)
	case exchange.Anthropic:
		dst = dialect.AppendString(append(dst, `{"type":"model","id":`...), m.id)
		dst = dialect.AppendString(append(dst, `,"display_name":`...), m.id)
		return append(dst, `,"created_at":"1970-01-01T00:00:00Z"}`...)
	default:
		dst = dialect.AppendString(append(dst, `{"id":`...), m.id)
		dst = append(dst, `,"object":"model","created":0,"owned_by":`...)
		return append(dialect.AppendString(dst, m.owner), '}')
	}
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

// errNoList is of providers that have no list of models, or none at the endpoint where models are used.
var errNoList = errors.New("the provider has no list of models")

// ask gets the provider's own list.
func (p openProvider) ask() (names []string, err error) {
	way := p.provider.Way(exchange.ListModels, exchange.OpenAI)
	if way == nil {
		return nil, errNoList
	}
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	err = p.get(ctx, way, func(status int, body io.Reader) error {
		if status != 200 {
			return fmt.Errorf("the provider answered %d", status)
		}
		list, err := io.ReadAll(io.LimitReader(body, maxModelsBytes+1))
		if err != nil {
			return err
		}
		if len(list) > maxModelsBytes {
			return errUnreadableList
		}
		names, err = readModels(list)
		return err
	})
	return names, err
}

var errUnreadableList = errors.New("the provider's list of models could not be read")

// readModels reads the lists of OpenAI and Anthropic (data[].id) and of Google and Cohere (models[].name).
func readModels(body []byte) ([]string, error) {
	var list struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
		Models []struct {
			Name string `json:"name"`
		} `json:"models"`
	}
	if json.Unmarshal(body, &list) != nil {
		return nil, errUnreadableList
	}
	names := make([]string, 0, len(list.Data)+len(list.Models))
	for _, m := range list.Data {
		if m.ID != "" {
			names = append(names, m.ID)
		}
	}
	for _, m := range list.Models {
		if name := strings.TrimPrefix(m.Name, "models/"); name != "" {
			names = append(names, name)
		}
	}
	return names, nil
}
