package object

import (
	"encoding/json"
	"testing"
)

// TestFieldOfAnnotationsIsNamedOnce: the decoder around it names the field, too.
func TestFieldOfAnnotationsIsNamedOnce(t *testing.T) {
	var o struct {
		Metadata struct {
			Annotations kept `json:"annotations"`
		} `json:"metadata"`
	}
	err := DecodeError(json.Unmarshal([]byte(`{"metadata":{"annotations":["x"]}}`), &o))
	if err.Field != "metadata.annotations" {
		t.Errorf("field %q", err.Field)
	}
}

// kept decodes annotations as the kinds of subject do.
type kept struct{}

func (*kept) UnmarshalJSON(text []byte) error {
	_, _, err := KeepAnnotations(text, nil, nil)
	return err
}
