// The smallest honest middleware: every order that a channel accepts is booked in the ERP exactly once. No packages.
import com.sun.net.httpserver.*;
import java.io.*;
import java.net.*;
import java.net.http.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.AtomicInteger;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class Middleware {
    static final Map<String, String> ENV = System.getenv();
    static final byte[] SECRET = Base64.getDecoder().decode(ENV.get("WEBHOOK_SECRET").replace("whsec_", ""));
    static final String[] CONTENT = ("order_ref channel currency lines shipping total customer ship_to service_level "
            + "priority ship_by payment_id").split(" ");
    static final HttpClient HTTP = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    static final Map<String, String> parked = new ConcurrentHashMap<>();
    static final AtomicInteger pending = new AtomicInteger();
    static final ExecutorService turn = Executors.newSingleThreadExecutor(); // a throttled ERP is not asked by several at once

    static boolean isSigned(Headers headers, String body) {
        try {
            String signed = headers.getFirst("webhook-id") + "." + headers.getFirst("webhook-timestamp") + "." + body;
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(SECRET, "HmacSHA256"));
            byte[] hash = mac.doFinal(signed.getBytes(StandardCharsets.UTF_8));
            byte[] wanted = ("v1," + Base64.getEncoder().encodeToString(hash)).getBytes();
            String given = Objects.requireNonNullElse(headers.getFirst("webhook-signature"), "");
            long ageS = Instant.now().getEpochSecond() - Long.parseLong(headers.getFirst("webhook-timestamp"));
            return Math.abs(ageS) < 300 && MessageDigest.isEqual(given.getBytes(), wanted);
        } catch (GeneralSecurityException | NumberFormatException nonsense) {
            return false;
        }
    }

    static void book(String ref, Map<String, String> order) throws InterruptedException {
        StringJoiner body = new StringJoiner(",", "{", "}");
        for (String name : CONTENT) body.add("\"" + name + "\":" + order.get(name));
        HttpRequest request = HttpRequest.newBuilder(URI.create(ENV.get("ERP_URL") + "/v1/sales-orders"))
                .header("Authorization", "Bearer " + ENV.get("ERP_KEY")).header("Content-Type", "application/json")
                .header("Idempotency-Key", ref).timeout(Duration.ofSeconds(5))
                .POST(HttpRequest.BodyPublishers.ofString(body.toString())).build();
        for (long waitMs = 100;; waitMs = Math.min(waitMs * 2, 2000)) {
            try {
                HttpResponse<String> reply = HTTP.send(request, HttpResponse.BodyHandlers.ofString());
                if (reply.statusCode() < 300) return;
                if (Set.of(400, 403, 404, 422).contains(reply.statusCode())) { // for good: where people can see it
                    parked.put(ref, "{\"order_ref\":" + order.get("order_ref") + ",\"system\":\"erp\",\"reason\":\"refused with "
                            + reply.statusCode() + "\",\"since\":\"" + Instant.now() + "\"}");
                    return;
                }
                Thread.sleep((long) (1000 * Double.parseDouble(reply.headers().firstValue("Retry-After").orElse("0"))));
            } catch (IOException | NumberFormatException noAnswer) {
                // it may be booked or not, and its key makes asking again harmless
            }
            Thread.sleep(waitMs);
        }
    }

    static void take(String event) {
        Map<String, String> members = members(event);
        if (!"\"order.placed\"".equals(members.get("type"))) return; // leave what it does not know
        Map<String, String> order = members(members.get("data"));
        pending.incrementAndGet();
        turn.submit(() -> {
            book(order.get("order_ref").replace("\"", ""), order);
            return pending.decrementAndGet();
        });
    }

    /** The members of a JSON object, each value as it stands there; enough to pass an order on letter for letter. */
    static Map<String, String> members(String json) {
        Map<String, String> found = new LinkedHashMap<>();
        int depth = 0, start = 0;
        String name = null;
        boolean quoted = false;
        for (int at = 0; at < json.length(); at++) {
            char c = json.charAt(at);
            if (quoted) {
                if (c == '\\') at++;
                else if (c == '"') quoted = false;
            } else if (c == '"') quoted = true;
            else if (c == '{' || c == '[') {
                if (++depth == 1) start = at + 1;
            } else if (depth == 1 && c == ':' && name == null) {
                name = json.substring(start, at).strip().replace("\"", "");
                start = at + 1;
            } else if (depth == 1 && (c == ',' || c == '}')) {
                if (name != null) found.put(name, json.substring(start, at).strip());
                name = null;
                start = at + 1;
                if (c == '}') depth--;
            } else if (c == '}' || c == ']') depth--;
        }
        return found;
    }

    static void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            String told = Map.of("/exceptions", parked.values().toString(), "/pending", "{\"pending\":" + pending + "}")
                    .getOrDefault(exchange.getRequestURI().getPath(), "\"ready\"");
            int status = 200;
            if (exchange.getRequestMethod().equals("POST")) {
                if (isSigned(exchange.getRequestHeaders(), body)) keep(body);
                else status = 401;
            }
            byte[] bytes = told.getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(status, bytes.length);
            exchange.getResponseBody().write(bytes);
        }
    }

    static void keep(String event) throws IOException {
        try (FileOutputStream inbox = new FileOutputStream(ENV.get("INBOX"), true)) {
            inbox.write((event + "\n").getBytes(StandardCharsets.UTF_8));
            inbox.getFD().sync(); // durable before it is acknowledged
        }
        take(event);
    }

    public static void main(String[] arguments) throws Exception {
        Path inbox = Path.of(ENV.get("INBOX"));
        if (Files.exists(inbox)) Files.readAllLines(inbox).forEach(Middleware::take); // once more after a crash
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(ENV.get("PORT"))), 100);
        server.createContext("/", Middleware::answer);
        server.setExecutor(Executors.newFixedThreadPool(16));
        server.start();
    }
}
