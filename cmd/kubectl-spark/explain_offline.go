// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/manifest"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/standalone"
	"github.com/sparkgateway/spark/gateway"
	"github.com/sparkgateway/spark/gateway/config"
)

// offline asks a server of this process that serves nobody. What the operator would leave out is left out, and told on
// stderr.
func (q question) offline(paths []string, asked config.ExplainRequest, stderr io.Writer) (answer, error) {
	files, err := manifest.Read(paths, nil)
	if err != nil {
		return answer{}, err
	}
	set, problems := manifest.Parse(files)
	made, err := standalone.MadeUp(set)
	if err != nil {
		return answer{}, err
	}
	configurations, refused := standalone.Compile(set, made)
	for _, p := range append(problems, refused...) {
		if _, err := fmt.Fprintln(stderr, "problem:", p); err != nil {
			return answer{}, err
		}
	}
	name, err := q.gatewayName()
	if err != nil {
		return answer{}, err
	}
	chosen, err := standalone.Choose(configurations, name)
	if err != nil {
		return answer{}, err
	}
	document := chosen.Still()
	if document == nil {
		return answer{}, fmt.Errorf("SparkGateway %s is refused: see its problems", chosen.Name())
	}
	server := gateway.NewServer(gateway.Options{Version: version})
	defer func() { _ = server.Shutdown(context.Background()) }()
	if err := server.Apply(document); err != nil {
		return answer{}, fmt.Errorf("the gateway refuses the configuration: %w", err)
	}
	explanation, err := server.Explain(asked)
	return answer{Explanation: explanation, Gateway: chosen.Name().String()}, err
}

func (q question) gatewayName() (types.NamespacedName, error) {
	return service{gateway: q.gateway}.gatewayName()
}
