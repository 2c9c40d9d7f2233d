// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	_ "embed" // the scripts
	"strings"

	"github.com/redis/rueidis"
)

var (
	//go:embed lua/common.lua
	commonLua string
	//go:embed lua/charge.lua
	chargeLua string
	//go:embed lua/reserve.lua
	reserveLua string
	//go:embed lua/settle.lua
	settleLua string
	//go:embed lua/renew.lua
	renewLua string
	//go:embed lua/restore.lua
	restoreLua string
)

type scripts struct{ reserve, settle, renew, restore *rueidis.Lua }

// newScripts puts the scripts together. A timing that is not empty is a Lua expression that stands for the server's TIME.
func newScripts(timing string) scripts {
	common := commonLua
	if timing != "" {
		common = strings.Replace(common, "call('TIME')", timing, 1)
	}
	return scripts{
		reserve: rueidis.NewLuaScript(common + reserveLua),
		settle:  rueidis.NewLuaScript(common + chargeLua + settleLua),
		renew:   rueidis.NewLuaScript(common + chargeLua + renewLua),
		restore: rueidis.NewLuaScript(common + restoreLua),
	}
}
