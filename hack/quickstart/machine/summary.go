// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// writeEnv writes what a shell can source; it holds a key, so only its owner may read it.
func (q *quickstart) writeEnv() error {
	content := fmt.Sprintf("export KUBECONFIG=%s\nexport GATEWAY_URL=%s\nexport SPARK_API_KEY=%s\n",
		shellQuote(q.state.kubeconfig()), shellQuote(q.gatewayURL), shellQuote(q.apiKey))
	return os.WriteFile(q.state.env(), []byte(content), 0o600)
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func (q *quickstart) summary() {
	q.progress.printf(`
Spark runs: SparkGateway %s/%s is Programmed (%s).

  . %s    # sets GATEWAY_URL, SPARK_API_KEY and
  export KUBECONFIG=%s

  %s get sparkgateways,providerpolicies,modelroutes,apikeys

  curl "$GATEWAY_URL/v1/chat/completions" \
    -H "Authorization: Bearer $SPARK_API_KEY" -H "Content-Type: application/json" \
    -d '{"model": "%s", "messages": [{"role": "user", "content": "Hello"}]}'

  the key is in Secret %s, the gateway is at %s
  the console, with a playground, is at %s
  logs: %s (operator.log, node.log, fakeprovider.log, one a pod)
`,
		q.gateway.GetNamespace(), q.gateway.GetName(), tenths(q.progress.began),
		relative(q.state.env()), q.state.kubeconfig(), q.kubectlHere(), q.model,
		q.keySecret, q.gatewayURL, q.consoleURL, relative(q.state.path("log")))
}

// kubectlHere is the name for whoever has one, and else the whole path of ours.
func (q *quickstart) kubectlHere() string {
	if _, err := exec.LookPath("kubectl"); err == nil {
		return "kubectl"
	}
	return q.kubectl()
}
