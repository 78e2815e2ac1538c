package refstack;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.net.URLEncoder;

/** The questions that a broker asks the embedded AWS, which knows keys, sessions and policies. */
final class EmbeddedAws {
    private static final String ADDRESS = System.getProperty("refstack.gateway") + "/_refstack/kafka";

    private EmbeddedAws() {}

    /** The first line of the answer to a question; null when the answer is no. */
    static String ask(String[] fields) throws IOException {
        StringBuilder body = new StringBuilder("cluster=" + encode(System.getProperty("refstack.cluster")));
        for (int i = 0; i < fields.length; i += 2) {
            body.append("&").append(fields[i]).append("=").append(encode(fields[i + 1]));
        }
        HttpURLConnection connection = (HttpURLConnection) new URL(ADDRESS).openConnection();
        connection.setRequestMethod("POST");
        connection.setDoOutput(true);
        connection.setConnectTimeout(5000);
        connection.setReadTimeout(15000);
        OutputStream output = connection.getOutputStream();
        output.write(body.toString().getBytes("UTF-8"));
        output.close();
        if (connection.getResponseCode() != 200) {
            return null;
        }
        BufferedReader reader = new BufferedReader(new InputStreamReader(connection.getInputStream(), "UTF-8"));
        String line = reader.readLine();
        reader.close();
        return line;
    }

    private static String encode(String value) throws IOException {
        return URLEncoder.encode(value, "UTF-8");
    }
}
