// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// What an application's dialect must hold of an answer is bounded. Beyond the bound the stream fails: the application is
// told, and so is the gateway, for which it is no success.
func TestAnAnswerThatCannotBeHeldFails(t *testing.T) {
	piece := strings.Repeat(" ", 1<<20)
	called := func(members string) []byte {
		return []byte(`data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,` + members + `}]}}]}` + "\n\n")
	}
	stream := [][]byte{called(`"id":"c","function":{"name":"f","arguments":""}`)}
	for range 9 {
		stream = append(stream, called(`"function":{"arguments":"`+piece+`"}`))
	}
	stream = append(stream, []byte(`data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}`+"\n\n"+doneEvent))
	for name, w := range map[string]wired{"events": generating, "an array": generating.listed()} {
		t.Run(name, func(t *testing.T) {
			// Something is said before, so that the stream has begun.
			said := []byte(delta("a"))
			got := pair{w, config.OpenAI}.streamed(t, append([][]byte{said}, stream...))
			if !got.Broken || got.Outcome != exchange.ProviderBroken || got.Reason != exchange.ReasonResponseTooLarge {
				t.Errorf("%+v", got)
			}
			if strings.Count(got.Out, `"error":{"code":502`) != 1 || strings.Contains(got.Out, "finishReason") {
				t.Errorf("%q", got.Out)
			}
		})
	}
}
