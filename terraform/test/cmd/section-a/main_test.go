package main

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	bucket := `{"address":"aws_s3_bucket.b","type":"aws_s3_bucket","values":{"bucket":"b"}}`
	topic := `{"address":"aws_sns_topic.t","type":"aws_sns_topic","values":{"name":"t"}}`
	for _, test := range []struct {
		name, policy, in, out string
		code                  int
		fails                 bool
	}{
		{"allowed", "../../../policy", `{"values":{"root_module":{"resources":[` + topic + `]}}}`, "allowed", 0, false},
		{"refused", "../../../policy", `{"values":{"root_module":{"resources":[` + bucket + `]}}}`,
			"refused no-object-lock: aws_s3_bucket.b: object_lock_enabled", 4, false},
		{"nothing to judge", "../../../policy", `{}`, "refused unreadable", 4, false},
		{"no JSON", "../../../policy", `Plan: 1 to add`, "", 1, true},
		{"no policy", "../../../absent", `{}`, "", 1, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out strings.Builder
			code, err := run(t.Context(), test.policy, strings.NewReader(test.in), &out)
			if code != test.code || (err != nil) != test.fails || !strings.Contains(out.String(), test.out) {
				t.Errorf("code %d, error %v, output %q", code, err, out.String())
			}
		})
	}
}
