// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	_ "embed"
	"encoding/json"

	"github.com/prometheus/common/expfmt"

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

// health serves GET /api/spark/health, to master keys: the state of this process. It is 200 whatever the status, because it was
// asked how the gateway is and not whether it serves, which GET /readyz says.
func (r *request) health() *exchange.Error {
	if !r.ex.Principal.Master {
		return errNotMaster
	}
	body, err := json.Marshal(r.srv.Health())
	if err != nil {
		return internal(err)
	}
	r.reply(jsonType, body)
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
