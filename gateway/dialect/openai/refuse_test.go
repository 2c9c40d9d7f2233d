// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"testing"

	"github.com/sparkgateway/spark/gateway/exchange"
)

func TestWhatCannotBeTranslatedIsRefusedByName(t *testing.T) {
	user := func(parts string) string { return talking(`{"role":"user","content":[` + parts + `]}`) }
	for name, test := range map[string]struct{ body, want string }{
		"a field that no other has":   {asking(`,"prediction":{"type":"content","content":"x"}`), "prediction"},
		"storage":                     {asking(`,"store":true`), "store"},
		"a tier":                      {asking(`,"service_tier":"flex"`), "service_tier"},
		"bias":                        {asking(`,"logit_bias":{"1":5}`), "logit_bias"},
		"metadata":                    {asking(`,"metadata":{"a":"b"}`), "metadata"},
		"speech":                      {asking(`,"modalities":["text","audio"],"audio":{"voice":"ash","format":"wav"}`), "modalities"},
		"search":                      {asking(`,"web_search_options":{}`), "web_search_options"},
		"verbosity":                   {asking(`,"verbosity":"low"`), "verbosity"},
		"functions of old":            {asking(`,"functions":[{"name":"f"}]`), "functions"},
		"a named function of old":     {asking(`,"function_call":{"name":"f"}`), "function_call"},
		"a key of the cache":          {asking(`,"prompt_cache_key":"k"`), "prompt_cache_key"},
		"an unknown field":            {asking(`,"enable_thinking":true`), "enable_thinking"},
		"obfuscation":                 {asking(`,"stream":true,"stream_options":{"include_obfuscation":true}`), "stream_options.include_obfuscation"},
		"a tool of OpenAI's own kind": {asking(`,"tools":[{"type":"custom","custom":{"name":"f"}}]`), "tools[0].type"},
		"an unknown field of a tool":  {asking(`,"tools":[{"type":"function","function":{"name":"f"},"x":1}]`), "tools[0].x"},
		"one of a function":           {asking(`,"tools":[{"type":"function","function":{"name":"f","x":1}}]`), "tools[0].function.x"},
		"a choice of a custom tool":   {asking(`,"tool_choice":{"type":"custom","custom":{"name":"f"}}`), "tool_choice.custom"},
		"a choice of another type":    {asking(`,"tool_choice":{"type":"mcp"}`), "tool_choice.type"},
		"some tools allowed": {
			asking(`,"tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}],
			"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"f"}}]}}`),
			"tool_choice.allowed_tools",
		},
		"allowed tools of other kinds": {
			asking(`,"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"mcp"}]}}`),
			"tool_choice.allowed_tools.tools[0].type",
		},
		"a format by grammar":          {asking(`,"response_format":{"type":"grammar","grammar":"x"}`), "response_format.grammar"},
		"a format of another type":     {asking(`,"response_format":{"type":"python"}`), "response_format.type"},
		"an unknown field of a schema": {asking(`,"response_format":{"type":"json_schema","json_schema":{"name":"a","x":1}}`), "response_format.json_schema.x"},
		"a function's message":         {talking(`{"role":"function","name":"f","content":"x"}`), "messages[0].role"},
		"a function called of old":     {talking(`{"role":"assistant","function_call":{"name":"f","arguments":""}}`), "messages[0].function_call"},
		"audio that was answered":      {talking(`{"role":"assistant","audio":{"id":"a"}}`), "messages[0].audio"},
		"citations that were answered": {talking(`{"role":"assistant","content":"a","annotations":[{"type":"url_citation"}]}`), "messages[0].annotations"},
		"a part of another type":       {user(`{"type":"video_url"}`), "messages[0].content[0].type"},
		"an unknown field of a part":   {user(`{"type":"text","text":"a","x":1}`), "messages[0].content[0].x"},
		"one of an image":              {user(`{"type":"image_url","image_url":{"url":"https://a/b","x":1}}`), "messages[0].content[0].image_url.x"},
		"one of sound":                 {user(`{"type":"input_audio","input_audio":{"data":"aGk=","format":"wav","x":1}}`), "messages[0].content[0].input_audio.x"},
		"one of a file":                {user(`{"type":"file","file":{"file_id":"a","x":1}}`), "messages[0].content[0].file.x"},
		"one of a cache mark":          {user(`{"type":"text","text":"a","cache_control":{"type":"ephemeral","x":1}}`), "messages[0].content[0].cache_control.x"},
		"one of a call":                {talking(`{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f"},"x":1}]}`), "messages[0].tool_calls[0].x"},
		"one of a called function":     {talking(`{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","x":1}}]}`), "messages[0].tool_calls[0].function.x"},
		"one of extra content":         {talking(`{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f"},"extra_content":{"x":1}}]}`), "messages[0].tool_calls[0].extra_content.x"},
		"one of Google's":              {talking(`{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f"},"extra_content":{"google":{"x":1}}}]}`), "messages[0].tool_calls[0].extra_content.google.x"},
		"one of a detail":              {talking(`{"role":"assistant","reasoning_details":[{"type":"reasoning.text","x":1}]}`), "messages[0].reasoning_details[0].x"},
		"a call of another kind":       {talking(`{"role":"assistant","tool_calls":[{"id":"a","type":"custom","custom":{}}]}`), "messages[0].tool_calls[0].custom"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decoder{}.DecodeRequest([]byte(test.body))
			if err == nil {
				t.Fatal("not refused")
			}
			if err.Param != test.want || err.Status != 400 || err.Code != "unsupported_parameter" ||
				err.Reason != exchange.ReasonUntranslatable || err.Outcome != exchange.Refused {
				t.Errorf("%s, reason %s, want param %s", said(err), err.Reason, test.want)
			}
		})
	}
}

func TestWhatIsMalformedIsNamed(t *testing.T) {
	user := func(parts string) string { return talking(`{"role":"user","content":[` + parts + `]}`) }
	for name, test := range map[string]struct{ body, want string }{
		"no JSON":                        {`{`, ""},
		"no model":                       {`{"messages":[]}`, "model"},
		"no messages":                    {`{"model":"m"}`, "messages"},
		"messages of another type":       {`{"model":"m","messages":"hi"}`, "messages"},
		"a message that is none":         {talking(`null`), "messages[0].role"},
		"no role":                        {talking(`{"content":"a"}`), "messages[0].role"},
		"another role":                   {talking(`{"role":"robot","content":"a"}`), "messages[0].role"},
		"no content":                     {talking(`{"role":"user"}`), "messages[0].content"},
		"content that is a number":       {talking(`{"role":"user","content":3}`), "messages[0].content"},
		"a part that is a text":          {user(`"a"`), "messages[0].content[0]"},
		"a text that is a number":        {user(`{"type":"text","text":3}`), "messages[0].content[0].text"},
		"a text part without text":       {user(`{"type":"text"}`), "messages[0].content[0].text"},
		"a part of two types":            {user(`{"type":"text","text":"a","image_url":{"url":"https://a"}}`), "messages[0].content[0].image_url"},
		"a part without a type":          {user(`{"text":"a"}`), "messages[0].content[0].type"},
		"a refusal of a user":            {user(`{"type":"refusal","refusal":"a"}`), "messages[0].content[0].type"},
		"an image in instructions":       {talking(`{"role":"system","content":[{"type":"image_url","image_url":{"url":"https://a"}}]}`), "messages[0].content[0].type"},
		"an image without a place":       {user(`{"type":"image_url","image_url":{}}`), "messages[0].content[0].image_url.url"},
		"an image in a local file":       {user(`{"type":"image_url","image_url":{"url":"file:///etc/passwd"}}`), "messages[0].content[0].image_url.url"},
		"an image that is not base64":    {user(`{"type":"image_url","image_url":{"url":"data:image/svg+xml,<svg/>"}}`), "messages[0].content[0].image_url.url"},
		"an image without a media type":  {user(`{"type":"image_url","image_url":{"url":"data:;base64,aGk="}}`), "messages[0].content[0].image_url.url"},
		"sound without data":             {user(`{"type":"input_audio","input_audio":{"format":"wav"}}`), "messages[0].content[0].input_audio.data"},
		"sound of another format":        {user(`{"type":"input_audio","input_audio":{"data":"aGk=","format":"midi"}}`), "messages[0].content[0].input_audio.format"},
		"a file of nothing":              {user(`{"type":"file","file":{"filename":"a"}}`), "messages[0].content[0].file.file_data"},
		"a file of two kinds":            {user(`{"type":"file","file":{"file_id":"a","file_data":"aGk="}}`), "messages[0].content[0].file"},
		"a file of an unknown type":      {user(`{"type":"file","file":{"filename":"a.doc","file_data":"aGk="}}`), "messages[0].content[0].file.file_data"},
		"a file that is not base64":      {user(`{"type":"file","file":{"file_data":"data:text/plain,a"}}`), "messages[0].content[0].file.file_data"},
		"a cache mark of another type":   {user(`{"type":"text","text":"a","cache_control":{"type":"forever"}}`), "messages[0].content[0].cache_control.type"},
		"a cache mark for too long":      {talking(`{"role":"user","content":"a","cache_control":{"type":"ephemeral","ttl":"1y"}}`), "messages[0].cache_control.ttl"},
		"a result of no call":            {talking(`{"role":"tool","content":"a"}`), "messages[0].tool_call_id"},
		"a call of a user":               {talking(`{"role":"user","content":"a","tool_calls":[{"id":"a","function":{"name":"f"}}]}`), "messages[0].tool_calls"},
		"an ID of a call in a user's":    {talking(`{"role":"user","content":"a","tool_call_id":"a"}`), "messages[0].tool_call_id"},
		"an answer's ID of a call":       {talking(`{"role":"assistant","content":"a","tool_call_id":"a"}`), "messages[0].tool_call_id"},
		"a refusal field of a user":      {talking(`{"role":"user","content":"a","refusal":"b"}`), "messages[0].refusal"},
		"thoughts of a user":             {talking(`{"role":"user","content":"a","reasoning_content":"b"}`), "messages[0].reasoning_content"},
		"detailed thoughts of a user":    {talking(`{"role":"user","content":"a","reasoning_details":[{"type":"reasoning.text"}]}`), "messages[0].reasoning_details"},
		"a thought of another type":      {talking(`{"role":"assistant","reasoning_details":[{"type":"dream"}]}`), "messages[0].reasoning_details[0].type"},
		"a call without an ID":           {talking(`{"role":"assistant","tool_calls":[{"function":{"name":"f"}}]}`), "messages[0].tool_calls[0].id"},
		"a call without a name":          {talking(`{"role":"assistant","tool_calls":[{"id":"a","function":{}}]}`), "messages[0].tool_calls[0].function.name"},
		"arguments that are no text":     {talking(`{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":{}}}]}`), "messages[0].tool_calls[0].function.arguments"},
		"a tool without a name":          {asking(`,"tools":[{"type":"function","function":{}}]`), "tools[0].function.name"},
		"parameters that are a list":     {asking(`,"tools":[{"type":"function","function":{"name":"f","parameters":[]}}]`), "tools[0].function.parameters"},
		"another word for a choice":      {asking(`,"tool_choice":"any"`), "tool_choice"},
		"a choice that is a number":      {asking(`,"tool_choice":3`), "tool_choice"},
		"a choice without a name":        {asking(`,"tool_choice":{"type":"function"}`), "tool_choice.function.name"},
		"allowed tools that are absent":  {asking(`,"tool_choice":{"type":"allowed_tools"}`), "tool_choice.allowed_tools"},
		"allowed tools of another mode":  {asking(`,"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"none"}}`), "tool_choice.allowed_tools.mode"},
		"a format without its schema":    {asking(`,"response_format":{"type":"json_schema"}`), "response_format.json_schema"},
		"a schema without a name":        {asking(`,"response_format":{"type":"json_schema","json_schema":{}}`), "response_format.json_schema.name"},
		"a schema that is a text":        {asking(`,"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":"b"}}`), "response_format.json_schema.schema"},
		"another effort":                 {asking(`,"reasoning_effort":"furious"`), "reasoning_effort"},
		"a stop that is a number":        {asking(`,"stop":3`), "stop"},
		"a stop among them that is":      {asking(`,"stop":["a",3]`), "stop[1]"},
		"no answers at all":              {asking(`,"n":0`), "n"},
		"fewer alternatives than none":   {asking(`,"top_logprobs":-1`), "top_logprobs"},
		"no tokens at all":               {asking(`,"max_tokens":0`), "max_tokens"},
		"two bounds that differ":         {asking(`,"max_tokens":1,"max_completion_tokens":2`), "max_tokens"},
		"two users that differ":          {asking(`,"user":"a","safety_identifier":"b"`), "user"},
		"a field that stands twice":      {asking(`,"n":2,"n":3`), "n"},
		"a temperature that is a text":   {asking(`,"temperature":"hot"`), "temperature"},
		"options of a stream as a truth": {asking(`,"stream_options":true`), "stream_options"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decoder{}.DecodeRequest([]byte(test.body))
			if err == nil {
				t.Fatal("not refused")
			}
			if err.Param != test.want || err.Status != 400 || err.Reason != exchange.ReasonInvalidBody &&
				err.Reason != exchange.ReasonUntranslatable {
				t.Errorf("%s, want param %q", said(err), test.want)
			}
		})
	}
}
