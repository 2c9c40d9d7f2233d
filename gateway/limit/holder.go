// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package limit

import "github.com/sparkgateway/spark/gateway/config"

// Holder is whom limits hold for, with what was taken of them. It is safe for concurrent use.
type Holder struct {
	name string
}

// Name is as config.HolderUse has it.
func (h *Holder) Name() string { return h.name }

// Use gives what this process counted.
func (h *Holder) Use() config.HolderUse { return config.HolderUse{Holder: h.name} }
