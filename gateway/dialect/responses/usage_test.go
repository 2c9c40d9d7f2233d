// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package responses

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sparkgateway/spark/gateway/dialect/chat"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// usageIn reads the usage of a response object, or of the one in an event.
func usageIn(data string) (exchange.Usage, bool) {
	var w struct {
		Usage    jsontext.Value `json:"usage"`
		Response struct {
			Usage jsontext.Value `json:"usage"`
		} `json:"response"`
	}
	if chat.DecodeAnswer([]byte(data), &w) != nil {
		return exchange.Usage{}, false
	}
	if unsaid(w.Usage) {
		w.Usage = w.Response.Usage
	}
	return readUsage(w.Usage)
}

func TestUsageIsFound(t *testing.T) {
	for name, test := range map[string]struct {
		data string
		want exchange.Usage
	}{
		"in a response":           {recorded, someUsage},
		"in the last event":       {`{"type":"response.completed","sequence_number":9,"response":` + recorded + `}`, someUsage},
		"without details":         {`{"usage":{"input_tokens":1,"output_tokens":2}}`, exchange.Usage{Prompt: 1, Completion: 2, Total: 3, Source: exchange.UsageReported}},
		"details that are null":   {`{"usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3,"input_tokens_details":null}}`, exchange.Usage{Prompt: 1, Completion: 2, Total: 3, Source: exchange.UsageReported}},
		"a total of its own":      {`{"usage":{"input_tokens":1,"output_tokens":2,"total_tokens":9}}`, exchange.Usage{Prompt: 1, Completion: 2, Total: 9, Source: exchange.UsageReported}},
		"null":                    {`{"usage":null}`, exchange.Usage{}},
		"null in an event":        {`{"type":"response.created","response":{"usage":null}}`, exchange.Usage{}},
		"in a delta":              {`{"type":"response.output_text.delta","delta":"x"}`, exchange.Usage{}},
		"a count missing":         {`{"usage":{"input_tokens":1}}`, exchange.Usage{}},
		"a count below zero":      {`{"usage":{"input_tokens":-1,"output_tokens":2}}`, exchange.Usage{}},
		"a count that is text":    {`{"usage":{"input_tokens":"1","output_tokens":2}}`, exchange.Usage{}},
		"a count beyond counting": {`{"usage":{"input_tokens":1e40,"output_tokens":2}}`, exchange.Usage{}},
		"a usage that is a list":  {`{"usage":[1]}`, exchange.Usage{}},
		"no JSON":                 {`[DONE]`, exchange.Usage{}},
		"a list":                  {`[]`, exchange.Usage{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := usageIn(test.data)
			if got != test.want || ok != (test.want.Source == exchange.UsageReported) {
				t.Errorf("%+v, %t, want %+v", got, ok, test.want)
			}
		})
	}
}

func TestEstimatesAreToldToo(t *testing.T) {
	u := told(exchange.Usage{Prompt: 3, Completion: 4, Source: exchange.UsageEstimated})
	if u == nil || *u.Input != 3 || *u.Output != 4 || u.Total != 7 {
		t.Errorf("%+v", u)
	}
}
