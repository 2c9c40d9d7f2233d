// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/spf13/cobra"

// clusterCommands look at, and act on, what runs in a cluster.
func clusterCommands() []*cobra.Command {
	return []*cobra.Command{statusCommand(), keysCommand(), topCommand(), breakersCommand(), logsCommand(), supportCommand()}
}
