// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	_ "embed"

	"github.com/prometheus/common/expfmt"

	"github.com/sparkgateway/spark/gateway/dialect"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// openAPIDocument describes the gateway's own endpoints (OpenAPI 3.1).
//
//go:embed openapi.json
var openAPIDocument []byte

// openAPI serves GET /api/openapi.json, which is no secret.
func (r *request) openAPI() *exchange.Error {
	r.reply(jsonType, openAPIDocument)
	return nil
}

// health serves GET /api/spark/health: that this gateway answers this key, and, to a master key, with what.
func (r *request) health() *exchange.Error {
	body := append([]byte(nil), `{"status":"ok"`...)
	if r.ex.Principal.Master {
		body = dialect.AppendString(append(body, `,"version":`...), r.srv.opts.Version)
		body = append(body, `,"providers":[`...)
		for i := range r.snap.providers {
			if i > 0 {
				body = append(body, ',')
			}
			body = dialect.AppendString(body, r.snap.providers[i].name)
		}
		body = append(body, ']')
	}
	r.reply(jsonType, append(body, '}'))
	return nil
}

// metrics serves GET /api/metrics in Prometheus' text format, to master keys: it tells of the traffic of all.
func (r *request) metrics() *exchange.Error {
	if !r.ex.Principal.Master {
		return errNotMaster
	}
	families, err := r.srv.Registry().Gather()
	if err != nil {
		return internal(err)
	}
	var out bytes.Buffer
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	encoder := expfmt.NewEncoder(&out, format)
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return internal(err)
		}
	}
	r.reply([]byte(format), out.Bytes())
	return nil
}

// reply answers with a body of the gateway's own.
func (r *request) reply(contentType, body []byte) {
	r.common()
	resp := &r.ctx.Response
	resp.Header.SetContentTypeBytes(contentType)
	resp.SetBody(body)
	r.ex.Status, r.ex.BytesOut = 200, int64(len(body))
}
