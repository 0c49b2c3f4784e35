// Makes the calls with the generated clients: program ADDRESS TOKEN < calls > answers.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"reflect"
	"time"

	dropmesh "dropmesh.test/clients/gen/dropmesh/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

type call struct {
	Rpc       string          `json:"rpc"`
	Service   string          `json:"service"`
	IsFault   bool            `json:"is_fault"`
	WithToken bool            `json:"with_token"`
	Request   json.RawMessage `json:"request"`
}

type answer struct {
	Rpc     string `json:"rpc"`
	IsFault bool   `json:"is_fault"`
	Answer  string `json:"answer,omitempty"`
	Error   string `json:"error,omitempty"`
}

func main() {
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	clients := map[string]any{
		"IngestService":    dropmesh.NewIngestServiceClient(connection),
		"ProcessorService": dropmesh.NewProcessorServiceClient(connection),
		"QueryService":     dropmesh.NewQueryServiceClient(connection),
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var one call
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			log.Fatal(err)
		}
		found := answer{Rpc: one.Rpc, IsFault: one.IsFault}
		message, err := made(reflect.ValueOf(clients[one.Service]).MethodByName(one.Rpc), one)
		if err != nil {
			found.Error = reason(err)
		} else {
			found.Answer = string(message.ProtoReflect().Descriptor().Name())
		}
		line, _ := json.Marshal(found)
		fmt.Println(string(line))
	}
}

// made calls a method of a generated client, whose shape depends on what it streams.
func made(method reflect.Value, one call) (proto.Message, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if one.WithToken {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+os.Args[2])
	}
	arguments := []reflect.Value{reflect.ValueOf(ctx)}
	sendsOne := !method.Type().In(1).AssignableTo(reflect.TypeOf([]grpc.CallOption{}))
	if sendsOne {
		request, err := parsed(method.Type().In(1), one.Request)
		if err != nil {
			return nil, err
		}
		arguments = append(arguments, request)
	}
	results := method.Call(arguments)
	if err, failed := results[1].Interface().(error); failed {
		return nil, err
	}
	if message, isMessage := results[0].Interface().(proto.Message); isMessage {
		return message, nil
	}
	stream := results[0]
	if !sendsOne {
		send := stream.MethodByName("Send")
		request, err := parsed(send.Type().In(0), one.Request)
		if err != nil {
			return nil, err
		}
		send.Call([]reflect.Value{request})
		if receive := stream.MethodByName("CloseAndRecv"); receive.IsValid() {
			return received(receive)
		}
		stream.MethodByName("CloseSend").Call(nil)
	}
	return received(stream.MethodByName("Recv"))
}

func received(receive reflect.Value) (proto.Message, error) {
	results := receive.Call(nil)
	if err, failed := results[1].Interface().(error); failed {
		return nil, err
	}
	return results[0].Interface().(proto.Message), nil
}

func parsed(kind reflect.Type, text []byte) (reflect.Value, error) {
	request := reflect.New(kind.Elem())
	return request, protojson.Unmarshal(text, request.Interface().(proto.Message))
}

func reason(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.Reason
		}
	}
	return err.Error()
}
