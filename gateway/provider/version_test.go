// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestOnlyAnthropicsOwnApplicationsSayItsVersion(t *testing.T) {
	tests := map[string]struct {
		application exchange.Dialect
		said        fields
		change      func(*config.Provider)
		want        []string
	}{
		"an application of its own":            {exchange.Anthropic, fields{"Anthropic-Version": "2023-01-01"}, nil, []string{"2023-01-01"}},
		"one that says none":                   {exchange.Anthropic, fields{}, nil, []string{"2023-06-01"}},
		"another dialect":                      {exchange.OpenAI, fields{}, nil, []string{"2023-06-01"}},
		"another dialect that says one":        {exchange.Gemini, fields{"Anthropic-Version": "2023-01-01"}, nil, []string{"2023-06-01"}},
		"another dialect, and the policy says": {exchange.OpenAI, fields{"Anthropic-Version": "2023-01-01"}, versioned("2024-01-01"), []string{"2024-01-01"}},
		"its own, and the policy says":         {exchange.Anthropic, fields{"Anthropic-Version": "2023-01-01"}, versioned("2024-01-01"), []string{"2024-01-01"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := made(t, func(p *config.Provider) {
				p.Type, p.Endpoint = config.Anthropic, "https://api.anthropic.com"
				if tc.change != nil {
					tc.change(p)
				}
			}, "key")
			head := p.Way(exchange.Chat, tc.application).AppendHead(nil, &Head{Fields: tc.said, Length: 0})
			got := parse(t, append(head, "\r\n"...), "").Header.Values("Anthropic-Version")
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func versioned(version string) func(*config.Provider) {
	return func(p *config.Provider) { p.SetHeaders = []config.Header{{Name: "Anthropic-Version", Value: version}} }
}
