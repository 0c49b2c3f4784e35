import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.util.List;

/** Serves MongoDB's wire protocol from memory on a loopback port, as a version that today's PyMongo accepts. */
class Start {
    record Version(int getWireVersion, List<Integer> getVersionArray) implements MongoVersion {}

    public static void main(String[] args) {
        var backend = new MemoryBackend();
        backend.version(new Version(13, List.of(5, 0, 0)));
        new MongoServer(backend).bind("127.0.0.1", Integer.parseInt(args[0]));
    }
}
